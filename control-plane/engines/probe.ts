// Reads the metrics of every endpoint, each on its own clock: one probe of an endpoint at a time,
// the next one a period after the last began, jittered so that many endpoints spread.
import type { Agent } from "undici";
import {
  HintwayError,
  probeFailed,
  probeRefused,
  probeTooLarge,
  probeUntrusted,
} from "../errors.ts";
import type { EndpointTls } from "../pool/endpoint-tls.ts";
import { type EngineIds, readEngineIds } from "./bootstrap.ts";
import { type Engine, type EngineReading, readPage } from "./engine.ts";
import { readModelList } from "./model-list.ts";
import { ProbeAgents } from "./probe-agents.ts";

export interface ProbeTimes {
  periodMs: number;
  /** From the request's start to the page's end. */
  timeoutMs: number;
}

export interface ProberOptions extends ProbeTimes {
  /** Share of the period, 0 to 1, by which a probe may come early or late. */
  jitter: number;
  /** Of one metrics page. */
  bytesMax: number;
  /** 0 to 1. */
  random(): number;
  /** Milliseconds. */
  now(): number;
  /** `atMs` is when the probe began: what happened later, the page may not show. */
  onReading(key: string, reading: EngineReading, atMs: number): void;
  /** What the endpoint's own list of models names; asked for now and then, and never of failed ones. */
  onModels(key: string, models: string[]): void;
  /** What the endpoint's bootstrap server names; asked as for models. */
  onEngines(key: string, engineIds: EngineIds): void;
  /** PROBE_REFUSED where nothing is there to answer; any other code where something was slow or ill. */
  onFailure(key: string, error: HintwayError): void;
}

export interface ProbeTarget {
  /** `ip:port`. */
  key: string;
  /** Of the metrics page. */
  url: string;
  /** For URLs of https. */
  tls?: EndpointTls | null;
  /** Of its list of models, where somebody asks which they are. */
  modelsUrl?: string;
  /** Of its bootstrap server's list of engines, where decode has to name them. */
  enginesUrl?: string;
  /** What the endpoint's label says, or the engine mapped for it, or null: the page shows it. */
  engine: string | Engine | null;
}

export const METRICS_BYTES_MAX = 4 * 1024 * 1024;

/** Between the beginnings of two probes of one endpoint, however often one is asked for. */
export const PROBE_PAUSE_MS = 100;

/** Between two questions for an endpoint's models or engines, and where it did not tell them. */
const LISTS_PERIOD_MS = 10_000;
const LISTS_RETRY_MS = 2_000;

/** First probes spread over the jitter, and over this at most: gateways wait to be told. */
const FIRST_SPREAD_MS_MAX = 1000;

/** Statuses of a server that has no metrics page: it is up, and tells no load. */
const NO_PAGE = [404, 405, 501];

interface Probe {
  target: ProbeTarget;
  timer: NodeJS.Timeout | undefined;
  running: Promise<void> | undefined;
  startedAtMs: number;
  modelsDueAtMs: number;
  enginesDueAtMs: number;
  /** Asked for while one was running, which may have begun too early to show what is asked. */
  isAskedAgain: boolean;
}

export class Prober {
  readonly #options: ProberOptions;
  readonly #probes = new Map<string, Probe>();
  #times: ProbeTimes;
  readonly #agents: ProbeAgents;
  #stopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#times = options;
    this.#agents = new ProbeAgents(options);
  }

  /** Holds for the next probe of each endpoint, and for all after it. */
  setTimes(times: ProbeTimes): void {
    const { periodMs, timeoutMs } = this.#times;
    if (this.#stopped || (times.periodMs === periodMs && times.timeoutMs === timeoutMs)) return;
    this.#times = times;
    this.#agents.setTimes(times);
    for (const probe of this.#probes.values()) {
      if (probe.running === undefined) this.#schedule(probe, this.#restOf(probe));
    }
  }

  /** Probes exactly these from here on; those that were there go on undisturbed. */
  setTargets(targets: readonly ProbeTarget[]): void {
    if (this.#stopped) return;
    const wanted = new Map(targets.map((target) => [target.key, target]));
    this.#agents.keep(targets.map(({ tls = null }) => tls));
    for (const [key, probe] of this.#probes) {
      if (!wanted.has(key)) this.#forget(key, probe);
    }
    for (const target of wanted.values()) {
      const known = this.#probes.get(target.key);
      if (known === undefined) this.#add(target);
      else known.target = target;
    }
  }

  /**
   * Probes at once, or once more after the probe under way; never sooner than PROBE_PAUSE_MS after
   * the last one began. Asked for several times meanwhile, it is still one. No target: nothing.
   */
  probeNow(key: string): void {
    const probe = this.#probes.get(key);
    if (probe === undefined || this.#stopped) return;
    if (probe.running === undefined) this.#schedule(probe, this.#pauseOf(probe));
    else probe.isAskedAgain = true;
  }

  /** Ends all probes, also those under way; nothing is told after it is called. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const running = [...this.#probes.values()].map((probe) => probe.running);
    for (const [key, probe] of this.#probes) this.#forget(key, probe);
    await this.#agents.destroy();
    await Promise.all(running);
  }

  #add(target: ProbeTarget): void {
    const probe: Probe = {
      ...{ target, timer: undefined, running: undefined, isAskedAgain: false },
      startedAtMs: Number.NEGATIVE_INFINITY,
      modelsDueAtMs: Number.NEGATIVE_INFINITY,
      enginesDueAtMs: Number.NEGATIVE_INFINITY,
    };
    this.#probes.set(target.key, probe);
    this.#schedule(probe, this.#firstRest());
  }

  #forget(key: string, probe: Probe): void {
    clearTimeout(probe.timer);
    this.#probes.delete(key);
  }

  #isKnown(probe: Probe): boolean {
    return this.#probes.get(probe.target.key) === probe;
  }

  #firstRest(): number {
    const { jitter, random } = this.#options;
    return random() * Math.min(FIRST_SPREAD_MS_MAX, jitter * this.#times.periodMs);
  }

  /** How long it is until the next probe is due, in ms. */
  #restOf(probe: Probe): number {
    if (probe.startedAtMs === Number.NEGATIVE_INFINITY) return this.#firstRest();
    const { jitter, random, now } = this.#options;
    const period = this.#times.periodMs * (1 + jitter * (2 * random() - 1));
    return Math.max(0, probe.startedAtMs + period - now());
  }

  /** How long the endpoint is still left in peace, in ms. */
  #pauseOf(probe: Probe): number {
    return Math.max(0, probe.startedAtMs + PROBE_PAUSE_MS - this.#options.now());
  }

  #schedule(probe: Probe, delayMs: number): void {
    clearTimeout(probe.timer);
    probe.timer = setTimeout(() => this.#start(probe), delayMs).unref();
  }

  #start(probe: Probe): void {
    probe.timer = undefined;
    probe.isAskedAgain = false;
    probe.startedAtMs = this.#options.now();
    probe.running = this.#run(probe);
  }

  async #run(probe: Probe): Promise<void> {
    await this.#probe(probe);
    probe.running = undefined;
    if (!this.#isKnown(probe)) return;
    this.#schedule(probe, probe.isAskedAgain ? this.#pauseOf(probe) : this.#restOf(probe));
  }

  async #probe(probe: Probe): Promise<void> {
    const { onReading, onFailure } = this.#options;
    const { key, url, engine, tls = null } = probe.target;
    let reading: EngineReading;
    try {
      reading = readPage(await this.#page(url, tls), engine);
    } catch (cause) {
      // One that comes back may serve other models.
      probe.modelsDueAtMs = Number.NEGATIVE_INFINITY;
      this.#forgetEngines(probe);
      if (this.#isKnown(probe)) onFailure(key, failureOf(url, cause));
      return;
    }
    await this.#askEngines(probe);
    if (!this.#isKnown(probe)) return;
    onReading(key, reading, probe.startedAtMs);
    await this.#askModels(probe);
  }

  /** An endpoint that has no list, or fails to give it, is no worse for it. */
  async #askModels(probe: Probe): Promise<void> {
    const { now, onModels } = this.#options;
    const { key, modelsUrl, tls = null } = probe.target;
    if (modelsUrl === undefined || now() < probe.modelsDueAtMs) return;
    const page = await this.#page(modelsUrl, tls).catch(() => "");
    const models = readModelList(page);
    probe.modelsDueAtMs = now() + (models === null ? LISTS_RETRY_MS : LISTS_PERIOD_MS);
    if (models !== null && this.#isKnown(probe)) onModels(key, models);
  }

  /** Its engines have other names when it is back: nobody is sent there by the old ones. */
  #forgetEngines(probe: Probe): void {
    if (probe.target.enginesUrl === undefined || !this.#isKnown(probe)) return;
    probe.enginesDueAtMs = Number.NEGATIVE_INFINITY;
    this.#options.onEngines(probe.target.key, new Map());
  }

  /** Before the endpoint is told to be well. */
  async #askEngines(probe: Probe): Promise<void> {
    const { now, onEngines } = this.#options;
    const { key, enginesUrl } = probe.target;
    if (enginesUrl === undefined || now() < probe.enginesDueAtMs) return;
    const page = await this.#page(enginesUrl, null).catch(() => "");
    const engineIds = readEngineIds(page);
    probe.enginesDueAtMs = now() + (engineIds === null ? LISTS_RETRY_MS : LISTS_PERIOD_MS);
    if (engineIds !== null && this.#isKnown(probe)) onEngines(key, engineIds);
  }

  /** A server may close a connection that was idle just as it is used again: that tells nothing. */
  async #page(url: string, tls: EndpointTls | null): Promise<string> {
    const signal = AbortSignal.timeout(this.#times.timeoutMs);
    try {
      return await this.#fetch(url, this.#agents.of(tls), signal);
    } catch (cause) {
      if (!isReset(cause)) throw cause;
      return await this.#fetch(url, this.#agents.of(tls), signal);
    }
  }

  async #fetch(url: string, agent: Agent, signal: AbortSignal): Promise<string> {
    const { bytesMax } = this.#options;
    const { origin, pathname, search } = new URL(url);
    const path = pathname + search;
    const { statusCode, body } = await agent.request({ origin, path, method: "GET", signal });
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

/**
 * The system's words for: nothing listens there, or the host is gone. Not ENETUNREACH, which says
 * that this host has lost its network.
 */
const REFUSALS = ["ECONNREFUSED", "EHOSTUNREACH", "EHOSTDOWN"];
/** And for: the other side dropped the connection. The second is undici's. */
const RESETS = ["ECONNRESET", "UND_ERR_SOCKET", "EPIPE"];

function isReset(cause: unknown): boolean {
  return RESETS.includes((cause as { code?: string }).code ?? "");
}

/** OpenSSL's words, and Node's, for a certificate or a handshake that is not as it should be. */
function isUntrusted(cause: unknown): boolean {
  return /CERT|SIGNATURE|TLS|SSL/.test((cause as { code?: string }).code ?? "");
}

function failureOf(url: string, cause: unknown): HintwayError {
  if (cause instanceof HintwayError) return cause;
  if (isUntrusted(cause)) return probeUntrusted(url, cause);
  const isRefused = REFUSALS.includes((cause as { code?: string }).code ?? "");
  return isRefused || isReset(cause) ? probeRefused(url, cause) : probeFailed(url, cause);
}
