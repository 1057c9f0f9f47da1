// Reads the metrics of every endpoint, each on its own clock: one probe of an endpoint at a time,
// the next one a period after the last began, jittered so that many endpoints spread.
import { Agent } from "undici";
import { HintwayError, probeFailed, probeTooLarge } from "../errors.ts";
import { detectEngine, ENGINE_METRICS, type EngineReading, engineNamed } from "./engine.ts";
import { metricFamilies } from "./metric-families.ts";

export interface ProberOptions {
  periodMs: number;
  /** From the request's start to the page's end. */
  timeoutMs: number;
  /** Share of the period, 0 to 1, by which a probe may come early or late. */
  jitter: number;
  /** Of one metrics page. */
  bytesMax: number;
  /** 0 to 1. */
  random(): number;
  /** Milliseconds. */
  now(): number;
  onReading(key: string, reading: EngineReading, atMs: number): void;
  onFailure(key: string, error: HintwayError, atMs: number): void;
}

export interface ProbeTarget {
  /** `ip:port`. */
  key: string;
  /** Of the metrics page. */
  url: string;
  /** What the endpoint's label says, or null: the page shows it. */
  engine: string | null;
}

export const METRICS_BYTES_MAX = 4 * 1024 * 1024;

/** Statuses of a server that has no metrics page: it is up, and tells no load. */
const NO_PAGE = [404, 405, 501];

interface Probe {
  target: ProbeTarget;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void> | undefined;
  /** Asked for while running: the next one starts at once. */
  again: boolean;
}

export class Prober {
  readonly #options: ProberOptions;
  readonly #agent: Agent;
  readonly #probes = new Map<string, Probe>();
  #stopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#agent = new Agent({
      connections: 1,
      // A connection outlives the pause between two probes.
      keepAliveTimeout: 10_000 + 2 * options.periodMs,
      connect: { timeout: options.timeoutMs },
    });
  }

  /** Probes exactly these from here on; those that were there go on undisturbed. */
  setTargets(targets: readonly ProbeTarget[]): void {
    if (this.#stopped) return;
    const wanted = new Map(targets.map((target) => [target.key, target]));
    for (const [key, probe] of this.#probes) {
      if (!wanted.has(key)) this.#forget(key, probe);
    }
    for (const target of wanted.values()) {
      const known = this.#probes.get(target.key);
      if (known === undefined) this.#add(target);
      else known.target = target;
    }
  }

  /** Probes at once, or again as soon as the probe under way is done. No target: nothing. */
  probeNow(key: string): void {
    const probe = this.#probes.get(key);
    if (probe === undefined || this.#stopped) return;
    if (probe.running === undefined) this.#start(probe);
    else probe.again = true;
  }

  /** Ends all probes, also those under way; nothing is told after it is called. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const running = [...this.#probes.values()].map((probe) => probe.running);
    for (const [key, probe] of this.#probes) this.#forget(key, probe);
    await this.#agent.destroy();
    await Promise.all(running);
  }

  #add(target: ProbeTarget): void {
    const probe: Probe = { target, timer: undefined, running: undefined, again: false };
    this.#probes.set(target.key, probe);
    const { periodMs, jitter, random } = this.#options;
    this.#schedule(probe, random() * jitter * periodMs);
  }

  #forget(key: string, probe: Probe): void {
    clearTimeout(probe.timer);
    this.#probes.delete(key);
  }

  #isKnown(probe: Probe): boolean {
    return this.#probes.get(probe.target.key) === probe;
  }

  #schedule(probe: Probe, delayMs: number): void {
    probe.timer = setTimeout(() => this.#start(probe), delayMs).unref();
  }

  #start(probe: Probe): void {
    clearTimeout(probe.timer);
    probe.again = false;
    probe.running = this.#run(probe);
  }

  async #run(probe: Probe): Promise<void> {
    const { periodMs, jitter, random, now } = this.#options;
    const startMs = now();
    await this.#probe(probe);
    probe.running = undefined;
    if (!this.#isKnown(probe)) return;
    const period = periodMs * (1 + jitter * (2 * random() - 1));
    this.#schedule(probe, probe.again ? 0 : Math.max(0, period - (now() - startMs)));
  }

  async #probe(probe: Probe): Promise<void> {
    const { onReading, onFailure, now } = this.#options;
    const { key, url, engine } = probe.target;
    let reading: EngineReading;
    try {
      reading = readPage(await this.#page(url), engine);
    } catch (cause) {
      const error = cause instanceof HintwayError ? cause : probeFailed(url, cause);
      if (this.#isKnown(probe)) onFailure(key, error, now());
      return;
    }
    if (this.#isKnown(probe)) onReading(key, reading, now());
  }

  async #page(url: string): Promise<string> {
    const { timeoutMs, bytesMax } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    const { origin, pathname, search } = new URL(url);
    const path = pathname + search;
    const { statusCode, body } = await this.#agent.request({ origin, path, method: "GET", signal });
    if (statusCode !== 200) {
      await body.dump();
      if (NO_PAGE.includes(statusCode)) return "";
      throw new Error(`it answers status ${statusCode}`);
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > bytesMax) throw probeTooLarge(url, bytesMax);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString();
  }
}

/** A page that is not the named engine's is read as what it is: a label may be wrong. */
function readPage(page: string, engine: string | null): EngineReading {
  const named = engine === null ? undefined : engineNamed(engine);
  if (named !== undefined) {
    const families = metricFamilies(page, named.metrics);
    if (named.matches(families)) return named.read(families);
  }
  const families = metricFamilies(page, ENGINE_METRICS);
  return detectEngine(families).read(families);
}
