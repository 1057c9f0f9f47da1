// The store that replicas share, Valkey or Redis: an agreement in hashes, and a stream of what gateways
// report. The only file that speaks to it.

import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { createClient, RESP_TYPES } from "@redis/client";
import { fileUnreadable, flagInvalid } from "../errors.ts";
import {
  AGREEMENT_SCRIPT,
  type Agreement,
  agreementArguments,
  agreementKeys,
  type Proposal,
  readAgreement,
} from "./agreement.ts";

/** Entries that the stream keeps, more or less: what a replica that starts can catch up with. */
const STREAM_ENTRIES_MAX = 4096;
const CONNECT_MS = 2_000;
/** A store that answers nothing for so long hangs: something is asked of it every second. */
const SILENCE_MS = 3_000;
const RETRY_MS_MIN = 50;
const RETRY_MS_MAX = 2_000;

export interface SharedStateOptions {
  /** `redis://` or, with TLS, `rediss://`; may hold user and password. */
  url: string;
  /** Names this deployment among others of the same store. */
  prefix: string;
  /** A file of certificates to trust, PEM, instead of the system's. */
  ca?: string | undefined;
}

export interface SharedStateListener {
  connected(): void;
  /** It is tried again until it answers. */
  lost(cause: unknown): void;
}

export interface Entry {
  id: string;
  origin: number;
  frames: Buffer;
}

type Client = ReturnType<typeof clientOf>;

export class SharedState {
  /** Where it is, without credentials. */
  readonly place: string;
  readonly #prefix: string;
  readonly #commands: Client;
  /** Waits in reads, which would hold up other commands. */
  readonly #reads: Client;

  /** Throws FLAG_INVALID or FILE_UNREADABLE, for --check too. Nothing is connected before `start`. */
  constructor(options: SharedStateOptions, listener: SharedStateListener) {
    this.place = placeOf(options);
    this.#prefix = options.prefix;
    this.#commands = clientOf(options);
    this.#reads = clientOf(options);
    for (const client of [this.#commands, this.#reads]) {
      client.on("ready", () => this.isConnected && listener.connected());
      client.on("error", (cause) => listener.lost(cause));
    }
  }

  /** Connects, and goes on trying in the background. */
  start(): void {
    for (const client of [this.#commands, this.#reads]) void client.connect().catch(() => {});
  }

  stop(): void {
    for (const client of [this.#commands, this.#reads]) if (client.isOpen) client.destroy();
  }

  get isConnected(): boolean {
    return this.#commands.isReady && this.#reads.isReady;
  }

  async agree(proposal: Proposal): Promise<Agreement> {
    const answer = await this.#commands.eval(AGREEMENT_SCRIPT, {
      keys: agreementKeys(this.#prefix),
      arguments: agreementArguments(proposal),
    });
    return readAgreement(proposal, answer as unknown as number[]);
  }

  /** Answers the entry's id. */
  async append(origin: number, frames: Buffer): Promise<string> {
    const trim = ["MAXLEN", "~", String(STREAM_ENTRIES_MAX)];
    const fields = [ORIGIN, String(origin), FRAMES, frames];
    const id = await this.#commands.sendCommand(["XADD", this.#stream, ...trim, "*", ...fields]);
    return String(id);
  }

  /** Entries after an id, oldest first; waits up to `waitMs` for one. */
  async read(after: string, entriesMax: number, waitMs: number): Promise<Entry[]> {
    const words = ["COUNT", String(entriesMax), "BLOCK", String(waitMs), "STREAMS"];
    const answer = await this.#reads.sendCommand(["XREAD", ...words, this.#stream, after], {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
    });
    return entriesIn(answer);
  }

  get #stream(): string {
    return `{${this.#prefix}}:reports`;
  }
}

const ORIGIN = "origin";
const FRAMES = "frames";

/** `[[stream, [[id, [field, value, …]], …]]]`, all of it bytes; null when nothing came. */
function entriesIn(answer: unknown): Entry[] {
  if (answer === null) return [];
  const [[, entries]] = answer as [[Buffer, [Buffer, Buffer[]][]]];
  return entries.map(([id, fields]) => {
    const values = new Map<string, Buffer>();
    for (let at = 0; at + 1 < fields.length; at += 2) values.set(`${fields[at]}`, fields[at + 1]!);
    const frames = values.get(FRAMES) ?? Buffer.alloc(0);
    return { id: `${id}`, origin: Number(values.get(ORIGIN) ?? 0), frames };
  });
}

function clientOf({ url, ca }: SharedStateOptions) {
  return createClient({
    url,
    RESP: 2,
    // What cannot be said at once is kept, within bounds, by the caller.
    disableOfflineQueue: true,
    socket: {
      connectTimeout: CONNECT_MS,
      socketTimeout: SILENCE_MS,
      reconnectStrategy: (times) => Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** times),
      ...(isTls(url) ? { tls: true as const, ...(ca ? { ca: readCa(ca) } : {}) } : {}),
    },
  });
}

function isTls(url: string): boolean {
  return new URL(url).protocol === "rediss:";
}

function readCa(path: string): Buffer {
  const pem = readPem(path);
  try {
    // Node takes what is no certificate, and then trusts nobody.
    new X509Certificate(pem);
  } catch {
    throw flagInvalid("--state-ca", path, "the file does not begin with a certificate, in PEM");
  }
  return pem;
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw fileUnreadable(path, cause);
  }
}

function placeOf({ url, ca }: SharedStateOptions): string {
  const problem = problemOf(url);
  if (problem !== undefined) throw flagInvalid("--state", withoutSecrets(url), problem);
  const { protocol, host, pathname } = new URL(url);
  const place = `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
  if (ca !== undefined && !isTls(url)) {
    throw flagInvalid("--state-ca", ca, `${place} (--state) is not TLS; write rediss://`);
  }
  return place;
}

/** In an address that is not understood, all before the last @ and in a query may be the password. */
function withoutSecrets(url: string): string {
  return url.replace(/^.*@/s, "…@").replace(/[?#].*$/s, "…");
}

function problemOf(url: string): string | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !/^rediss?:$/.test(parsed.protocol) || parsed.hostname === "") {
    return "it is no address of Valkey or Redis; write redis://host:6379 or rediss://…";
  }
  const { username, password, pathname, search, hash } = parsed;
  if (!/^\/?\d*$/.test(pathname) || search !== "" || hash !== "") {
    const encoded = "write / ? # and @ of a password as %2F %3F %23 %40";
    return `after the host comes nothing but a number; ${encoded}`;
  }
  return [username, password].every(isEncoded) ? undefined : "write % of a password as %25";
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
