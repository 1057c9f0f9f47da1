// One endpoint as the control plane knows it.
import { STATE_ASLEEP, STATE_DOWN, STATE_DRAINING, STATE_UP } from "../../protocol/records.ts";
import type { DiscoveredEndpoint } from "../discovery/discovered.ts";
import type { EngineIds } from "../engines/bootstrap.ts";
import type { EngineReading } from "../engines/engine.ts";
import { LastChange } from "../index/last-change.ts";
import { ForeignLoad } from "./foreign-load.ts";
import { Slowness } from "./slowness.ts";

/** Probes that are slow or ill in a row before an endpoint that worked counts as down. */
const FAILURES_MAX = 3;

export class Endpoint {
  /** `ip:port`, brackets around an IPv6 address. */
  readonly address: string;
  discovered: DiscoveredEndpoint;
  /** Null until gateways may be told of it. */
  slot: number | null = null;
  labelBits = 0;
  reading: EngineReading | null = null;
  /** The names it answers to, by its own list; null while it has told none. */
  models: readonly string[] | null = null;
  /** By rank, as its bootstrap server told last; where decode has to name them. */
  engineIds: EngineIds = new Map();
  /** When the last good probe began. */
  readAtMs: number | null = null;
  /** When it left the pool's file; null while it is listed. */
  drainingSinceMs: number | null = null;
  capacityFactor = 1;
  /** What gateways were told last. */
  toldCapacityBlocks = 0;
  /** The first profile's sum of scores that depend on the endpoint alone, for people. */
  score = 0;
  /** What profiles' steps look at, by number: four bytes each, as on the wire. */
  values: number[] = [];
  /** Why the last failed probe failed; null when the last one was good. */
  lastFailure: string | null = null;
  /** Loads sequence of the last change that gateways must hear of at once, and of any other. */
  changed = 0;
  refreshed = 0;
  readonly foreign = new ForeignLoad();
  readonly learnedSlowness = new Slowness();
  /** How long a prompt takes here over the pool's mean, as it was last reckoned. */
  slowness = 1;
  /** As `changed`, for other gateways' shares. */
  readonly flight = new LastChange();

  #failures = 0;
  /** When a gateway saw it fail last; null once a probe that began later was good. */
  #suspectSinceMs: number | null = null;
  #isDown: boolean;

  /** `isTrusted`: taken to be up until a probe says otherwise, as after a restart. */
  constructor(discovered: DiscoveredEndpoint, isTrusted: boolean) {
    this.discovered = discovered;
    this.address = addressText(discovered);
    this.#isDown = !isTrusted;
  }

  get isProbed(): boolean {
    return this.readAtMs !== null || this.#failures > 0;
  }

  /** One of the wire's STATE values. */
  get state(): number {
    if (this.drainingSinceMs !== null) return STATE_DRAINING;
    if (this.#isDown) return STATE_DOWN;
    return this.reading?.asleep === true ? STATE_ASLEEP : STATE_UP;
  }

  /** A probe that began at `atMs` was good. Answers whether anything gateways act on is different. */
  takeReading(reading: EngineReading, atMs: number): boolean {
    const before = this.state;
    const isSame = this.reading !== null && isSameLoad(this.reading, reading);
    this.reading = reading;
    this.readAtMs = atMs;
    this.lastFailure = null;
    this.#failures = 0;
    if (this.#suspectSinceMs !== null && atMs > this.#suspectSinceMs) this.#suspectSinceMs = null;
    this.#isDown = false;
    return !isSame || this.state !== before;
  }

  /**
   * A probe failed. Believed at once when nothing is there to answer (`isRefused`), when a gateway saw
   * it fail too, and when it never worked. Answers whether the state changed.
   */
  takeFailure(reason: string, isRefused: boolean): boolean {
    const before = this.state;
    this.lastFailure = reason;
    this.#failures++;
    this.foreign.clear();
    const isNoSurprise = this.readAtMs === null || this.#suspectSinceMs !== null;
    if (isRefused || isNoSurprise || this.#failures >= FAILURES_MAX) this.#isDown = true;
    return this.state !== before;
  }

  /**
   * A gateway saw it fail. That says as much about one request as about the endpoint, so nothing
   * changes before a probe has failed too.
   */
  suspect(atMs: number): void {
    this.#suspectSinceMs = atMs;
  }
}

const STATE_NAMES: Record<number, string> = {
  [STATE_UP]: "up",
  [STATE_DRAINING]: "draining",
  [STATE_DOWN]: "down",
  [STATE_ASLEEP]: "asleep",
};

/** What people read for one of the wire's STATE values. */
export function stateName(state: number): string {
  return STATE_NAMES[state] ?? "unknown";
}

export function addressText(endpoint: { address: string; port: number }): string {
  const host = endpoint.address.includes(":") ? `[${endpoint.address}]` : endpoint.address;
  return `${host}:${endpoint.port}`;
}

function isSameLoad(a: EngineReading, b: EngineReading): boolean {
  return (
    a.waiting === b.waiting &&
    a.running === b.running &&
    a.kvUse === b.kvUse &&
    a.asleep === b.asleep &&
    a.cacheTokens === b.cacheTokens &&
    a.adapters.most === b.adapters.most &&
    isSameList(a.adapters.active, b.adapters.active) &&
    isSameList(a.adapters.waiting, b.adapters.waiting)
  );
}

function isSameList(a: string[], b: string[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index]);
}
