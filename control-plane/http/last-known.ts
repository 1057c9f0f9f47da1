// What an Envoy that starts while this process is down begins with: clusters and hints, in a file.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { VERSION_MAX } from "../../protocol/limits.ts";
import type { Hints } from "../hints/hints.ts";
import { blockBytesIn, isSoundFrame, type SlotClaim, slotClaims } from "../hints/read-frame.ts";
import type { Pools } from "../pool/pools.ts";
import { replaceFile } from "../replace-file.ts";
import { lastKnownCluster } from "./clusters.ts";

const FILE_NAME = "last-known.json";

/** What the file's hints say that a process which starts should keep to. */
export interface LastKnown {
  slots: SlotClaim[];
  /** Null where it is not known. */
  blockBytes: number | null;
}

/** Nothing where there is no such file or it is not ours. */
export async function readLastKnown(directory: string): Promise<LastKnown> {
  try {
    const text = await readFile(join(directory, FILE_NAME), "utf8");
    const { hints } = JSON.parse(text) as { hints?: unknown };
    const bytes = Buffer.from(String(hints), "base64");
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (isSoundFrame(view)) return { slots: slotClaims(view), blockBytes: blockBytesIn(view) };
  } catch {
    // It only spares gateways a renumbering: absent, cut or foreign, they do without.
  }
  return { slots: [], blockBytes: null };
}

/** What of the control plane the file shows. */
interface Known {
  pools: Pools;
  hints: Hints;
  now(): number;
}

interface Log {
  warn(fields: object, message: string): void;
}

/** Changes that come together are written together. */
const SETTLE_MS = 200;

/** Keeps the file as the table is. */
export class LastKnownFile {
  readonly #directory: string;
  #known: Known | null = null;
  #log: Log | null = null;
  #timer: NodeJS.Timeout | null = null;
  #writing = Promise.resolve();

  constructor(directory: string) {
    this.#directory = directory;
  }

  follow(known: Known, log: Log): void {
    this.#known = known;
    this.#log = log;
  }

  /** The table is another one than the file says. */
  outdated(): void {
    this.#timer ??= setTimeout(() => this.#write(), SETTLE_MS);
  }

  async stop(): Promise<void> {
    if (this.#timer) this.#write();
    await this.#writing;
  }

  #write(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const known = this.#known;
    // Before slots are assigned, what an earlier process wrote says more.
    if (!known?.pools.hasSlots) return;
    const content = JSON.stringify({
      clusters: [...known.pools].map(lastKnownCluster),
      hints: known.hints.wholeTable(VERSION_MAX, known.now()).toString("base64"),
    });
    this.#writing = this.#writing
      .then(() => replaceFile(join(this.#directory, FILE_NAME), content))
      .catch((error: unknown) => {
        const message = "last-known.json is not written: a gateway started alone lacks it";
        this.#log?.warn({ err: error, folder: this.#directory }, message);
      });
  }
}
