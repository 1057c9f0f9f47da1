// The control plane's own index, learning and hints, asked by function calls instead of HTTP, in
// simulated time. Polls are held and answered as the long polls of the real one are.

import {
  type Configuration,
  defaultConfiguration,
} from "../../../control-plane/config/configuration.ts";
import { type EngineReading, emptyReading } from "../../../control-plane/engines/reading.ts";
import { type Gateway, Gateways } from "../../../control-plane/hints/gateways.ts";
import { Hints } from "../../../control-plane/hints/hints.ts";
import { QUIET_PAUSE_MS, URGENT_PAUSE_MS } from "../../../control-plane/hints/long-polls.ts";
import { type GatewayClaim, gatewayClaim } from "../../../control-plane/hints/read-frame.ts";
import { Reports } from "../../../control-plane/hints/reports.ts";
import { PrefixIndex } from "../../../control-plane/index/prefix-index.ts";
import { readOptions } from "../../../control-plane/options.ts";
import { Pools } from "../../../control-plane/pool/pools.ts";
import { settingsOf } from "../../../control-plane/settings.ts";
import { VERSION_MAX } from "../../../protocol/limits.ts";

export interface Loads {
  waiting: number;
  running: number;
  kvUse: number;
  adapters?: EngineReading["adapters"];
}

export interface ControlPlanePlan {
  endpoints: number;
  /** What engines say their caches hold; null when they do not say. */
  cacheTokens: number | null;
  configuration?: Configuration;
  /** What it is not to learn of endpoints. */
  without: ReadonlySet<string>;
  reportMs?: number;
}

interface HeldPoll {
  gateway: Gateway;
  claim: GatewayClaim;
  answer(frame: Buffer): void;
}

const NOT_STARTED = ["--token-file", "unused"];
const SWEEP_MS = 1_000;
const PORT = 8000;

/** Addresses of the endpoints, by their number. */
export function addressOf(endpoint: number): string {
  return `10.0.${endpoint >> 8}.${endpoint & 255}:${PORT}`;
}

export class ControlPlane {
  readonly #pools: Pools;
  readonly #poolName: string;
  readonly #index: PrefixIndex;
  readonly #hints: Hints;
  readonly #gateways = new Gateways();
  readonly #reports: Reports;
  readonly #plan: ControlPlanePlan;
  #held: HeldPoll[] = [];
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(plan: ControlPlanePlan, nowMs: number) {
    this.#plan = plan;
    const options = readOptions(NOT_STARTED);
    const settings = { ...settingsOf(options), ...(plan.reportMs && { reportMs: plan.reportMs }) };
    const { indexKeysMax: keysMax } = settings;
    const blocks = { bytesMin: options.blockBytes, lastKnownBytes: null, keysMax };
    this.#poolName = options.poolName;
    this.#pools = new Pools(blocks, plan.configuration ?? defaultConfiguration());
    this.#index = new PrefixIndex(keysMax);
    this.#hints = new Hints(settings, this.#pools, this.#index, () => 0.5);
    this.#reports = new Reports(this.#pools, this.#index, this.#hints, {
      ended() {},
      legEnded() {},
      failed() {},
      handedBack() {},
    });
    this.discover(plan.endpoints, nowMs);
    const idle = { waiting: 0, running: 0, kvUse: 0 };
    this.read(Array(plan.endpoints).fill(idle), nowMs);
  }

  get poolName(): string {
    return this.#poolName;
  }

  /** The first so many endpoints are listed; the others get no picks any more. */
  discover(endpoints: number, nowMs: number): void {
    const listed = Array.from({ length: endpoints }, (_, endpoint) => {
      const name = addressOf(endpoint);
      const address = name.slice(0, name.lastIndexOf(":"));
      return { name, namespace: "default", address, port: PORT, labels: {} };
    });
    this.#pools.discover([{ name: this.#poolName, endpoints: listed }], nowMs);
    this.#pools.assignSlots(nowMs);
    this.#retell();
  }

  /** What probes read on each endpoint. */
  read(loads: readonly Loads[], nowMs: number): void {
    const { cacheTokens, without } = this.#plan;
    for (const [number, load] of loads.entries()) {
      for (const { pool, endpoint } of this.#pools.atAddress(addressOf(number))) {
        const reading = { ...emptyReading("vllm"), ...load, cacheTokens };
        const isNews = endpoint.takeReading(reading, nowMs);
        pool.rescore(endpoint);
        if (!without.has("slowness")) pool.reckonSlowness(endpoint, nowMs);
        if (!without.has("foreign")) this.#hints.noteForeign(endpoint);
        this.#hints.loadChanged(endpoint, isNews);
      }
    }
  }

  report(body: Uint8Array, nowMs: number): Buffer {
    const view = viewOf(body);
    const gateway = this.#contact(view, nowMs);
    this.#reports.take(gateway, view, nowMs);
    return this.#hints.receipt(gateway);
  }

  /** Holds a poll until `pump` finds something to tell. */
  poll(body: Uint8Array, nowMs: number, answer: (frame: Buffer) => void): void {
    const view = viewOf(body);
    const gateway = this.#contact(view, nowMs);
    const claim = gatewayClaim(view);
    this.#hints.renumberIfUsedUp();
    this.#hints.greet(gateway, claim);
    this.#held.push({ gateway, claim, answer });
  }

  /** Answers the polls that have something to hear and were not answered just before. */
  pump(nowMs: number): void {
    if (nowMs - this.#sweptMs >= SWEEP_MS) this.#sweep(nowMs);
    const held = this.#held;
    this.#held = [];
    for (const poll of held) {
      const urgency = this.#hints.urgency(poll.gateway, poll.claim);
      const pauseMs = urgency === "urgent" ? URGENT_PAUSE_MS : QUIET_PAUSE_MS;
      if (urgency === "none" || nowMs < poll.gateway.lastAnswerMs + pauseMs) {
        this.#held.push(poll);
        continue;
      }
      poll.gateway.lastAnswerMs = nowMs;
      poll.answer(this.#hints.answer(poll.gateway, poll.claim, nowMs));
    }
  }

  #contact(view: DataView, nowMs: number): Gateway {
    const gateway = this.#gateways.contact(gatewayClaim(view), VERSION_MAX, nowMs);
    if (!gateway) throw new Error("more gateways than the control plane takes");
    return gateway;
  }

  #sweep(nowMs: number): void {
    this.#sweptMs = nowMs;
    if (this.#pools.retell()) this.#retell();
  }

  #retell(): void {
    this.#index.keep(this.#pools.rememberedBlocks());
    this.#hints.tableChanged();
  }
}

function viewOf(body: Uint8Array): DataView {
  return new DataView(body.buffer, body.byteOffset, body.byteLength);
}
