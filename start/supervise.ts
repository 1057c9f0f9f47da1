// One part of the gateway as a process: started, watched, restarted when it dies, stopped.

import { type ChildProcess, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { isHealthy } from "./health.ts";
import { LastLines } from "./last-lines.ts";
import { StartError } from "./start-error.ts";
import type { Watchdog } from "./watchdog.ts";

export interface PartDefinition {
  /** What the user reads, such as `Control plane`. */
  name: string;
  command: string;
  args: string[];
  /** Answers 200 when the part is ready for work. */
  healthUrl: string;
  /** The sentence for the user where a line that the process printed is news to them. */
  news?: (line: string) => string | undefined;
  /** Runs before each start of the process, the first and every restart. */
  prepare?: () => Promise<void>;
}

/** What a part tells, and what befalls it after it was healthy once. `lines` are its last. */
export type PartEvent =
  | { kind: "died"; name: string; how: string; lines: string[]; restartInMs: number }
  | { kind: "restarted"; name: string; processId: number }
  | { kind: "news"; text: string };

export interface SuperviseOptions {
  watchdog: Watchdog;
  onEvent?: (event: PartEvent) => void;
  /** Without it a part that dies stays dead. */
  restarts?: boolean;
}

const HEALTH_POLL_MS = 50;
const HEALTH_TIMEOUT_MS = 30_000;
const STOP_GRACE_MS = 5_000;
const SHOWN_LINES = 20;

/** The first restart is quick, so that one crash is hardly felt; a part that keeps dying waits. */
const RESTART_MIN_MS = 200;
const RESTART_MAX_MS = 10_000;
/** After this long without dying, the next restart is quick again. */
const STEADY_MS = 30_000;

export class Part {
  readonly definition: PartDefinition;
  readonly #options: SuperviseOptions;
  readonly #lines = new LastLines();
  #process: ChildProcess | undefined;
  #exited: Promise<void> = Promise.resolve();
  #stopping = new AbortController();

  constructor(definition: PartDefinition, options: SuperviseOptions) {
    this.definition = definition;
    this.#options = options;
  }

  /**
   * Resolves when the part is healthy; throws StartError, with its last lines, when it is not. Also
   * starts a part again that was stopped, or killed with restarts off.
   */
  async start(): Promise<void> {
    this.#stopping = new AbortController();
    try {
      await this.#launch();
      await this.#untilHealthy();
    } catch (error) {
      await this.stop();
      throw error;
    }
    if (this.#options.restarts) void this.#keepAlive(this.#stopping.signal);
  }

  /** The process in force; a restart makes another. */
  get process(): ChildProcess {
    if (!this.#process) throw new Error(`${this.definition.name} has not been started`);
    return this.#process;
  }

  /** The last lines it printed to standard output and error, oldest first. */
  lines(): string[] {
    return this.#lines.all();
  }

  /** Asks the process to end, and ends it after a grace. It is not restarted. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#process?.kill("SIGTERM");
    const forced = setTimeout(() => this.#process?.kill("SIGKILL"), STOP_GRACE_MS);
    await this.#exited;
    clearTimeout(forced);
  }

  /** Ends the process at once, as a crash does. It is restarted if restarts are on. */
  async kill(): Promise<void> {
    this.#process?.kill("SIGKILL");
    await this.#exited;
  }

  async #launch(): Promise<void> {
    await this.definition.prepare?.();
    this.#stopping.signal.throwIfAborted();
    const { command, args } = this.definition;
    // A session of its own: on Ctrl-C it is the launcher that stops the parts, in order.
    const child = spawn(command, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
    this.#process = child;
    for (const stream of [child.stdout, child.stderr]) {
      this.#lines.take(stream, (line) => this.#tellNews(line));
    }
    const { watchdog } = this.#options;
    if (child.pid !== undefined) watchdog.watch(child.pid);
    this.#exited = new Promise((resolve) => {
      child.once("error", (error) => this.#lines.add(error.message));
      child.once("close", () => {
        if (child.pid !== undefined) watchdog.forget(child.pid);
        resolve();
      });
    });
  }

  async #untilHealthy(): Promise<void> {
    const { name, healthUrl } = this.definition;
    const giveUpMs = performance.now() + HEALTH_TIMEOUT_MS;
    while (!(await isHealthy(healthUrl))) {
      const seconds = HEALTH_TIMEOUT_MS / 1000;
      if (this.#isDead()) throw this.#failure(`${name} ended (${this.#how()})`);
      if (performance.now() > giveUpMs) throw this.#failure(`${name} is not ready in ${seconds} s`);
      await sleep(HEALTH_POLL_MS);
    }
  }

  /** Restarts the process whenever it ends, until the part is stopped. */
  async #keepAlive(stopped: AbortSignal): Promise<void> {
    let restartInMs = RESTART_MIN_MS;
    let healthySinceMs = performance.now();
    while (true) {
      await this.#exited;
      if (stopped.aborted) return;
      if (performance.now() - healthySinceMs > STEADY_MS) restartInMs = RESTART_MIN_MS;
      this.#tellDeath(restartInMs);
      await sleep(restartInMs, undefined, { signal: stopped }).catch(() => {});
      if (stopped.aborted) return;
      restartInMs = Math.min(2 * restartInMs, RESTART_MAX_MS);
      if (!(await this.#relaunched())) continue;
      healthySinceMs = performance.now();
      this.#tellRestart();
    }
  }

  async #relaunched(): Promise<boolean> {
    try {
      await this.#launch();
      await this.#untilHealthy();
      return true;
    } catch (error) {
      // A process that never gets ready is ended, and so restarted like one that died.
      this.#lines.add(
        error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error),
      );
      await this.kill();
      return false;
    }
  }

  #tellDeath(restartInMs: number): void {
    const lines = this.lines().slice(-SHOWN_LINES);
    const { name } = this.definition;
    this.#options.onEvent?.({ kind: "died", name, how: this.#how(), lines, restartInMs });
  }

  #tellRestart(): void {
    const processId = this.process.pid ?? 0;
    this.#options.onEvent?.({ kind: "restarted", name: this.definition.name, processId });
  }

  #tellNews(line: string): void {
    const text = this.definition.news?.(line);
    if (text) this.#options.onEvent?.({ kind: "news", text });
  }

  #isDead(): boolean {
    return this.process.exitCode !== null || this.process.signalCode !== null || !this.process.pid;
  }

  #how(): string {
    const { exitCode, signalCode, pid } = this.process;
    if (!pid) return "it could not be run";
    return signalCode ? `signal ${signalCode}` : `exit code ${exitCode}`;
  }

  #failure(problem: string): StartError {
    const lines = this.lines().slice(-SHOWN_LINES);
    const said =
      lines.length > 0
        ? ["Its last lines:", ...lines].join("\n    ")
        : `It printed nothing; look whether ${this.definition.command} is the right program.`;
    return new StartError(`${problem}.`, said);
  }
}
