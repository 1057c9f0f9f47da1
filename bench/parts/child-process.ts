// The benches' own processes: the load generator and the instant model server.

import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { projectPath } from "../../start/project.ts";
import type { Load, Measured } from "./load.ts";

export class LoadGenerator {
  readonly #process: ChildProcess;
  /** Rejects when the process ends. */
  readonly #ended: Promise<never>;

  constructor() {
    this.#process = fork(projectPath("bench", "load-generator.ts"), {
      execArgv: [],
      // NaN, the quantile of no samples, is kept.
      serialization: "advanced",
    });
    this.#ended = once(this.#process, "exit").then(() => {
      throw new Error("the load generator ended: what it printed above says why");
    });
    this.#ended.catch(() => {});
  }

  get processId(): number {
    return this.#process.pid ?? 0;
  }

  async run(load: Load): Promise<Measured> {
    const answered = once(this.#process, "message");
    this.#process.send(load);
    const [measured] = await Promise.race([answered, this.#ended]);
    return measured as Measured;
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.disconnect();
    await exited;
  }
}

export class InstantServerProcess {
  readonly #process: ChildProcess;

  private constructor(process: ChildProcess) {
    this.#process = process;
  }

  /** `cacheBlocks` of 16 tokens are what each endpoint says its cache has. */
  static async start(addresses: string[], cacheBlocks?: number): Promise<InstantServerProcess> {
    const script = projectPath("bench", "instant-server.ts");
    const flags = [addresses.join(","), ...(cacheBlocks === undefined ? [] : [`${cacheBlocks}`])];
    const child = spawn(process.execPath, [script, ...flags], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    if (child.stdout) await once(child.stdout, "data");
    return new InstantServerProcess(child);
  }

  get processId(): number {
    return this.#process.pid ?? 0;
  }

  async stop(): Promise<void> {
    const exited = once(this.#process, "exit");
    this.#process.stdin?.end();
    await exited;
  }
}
