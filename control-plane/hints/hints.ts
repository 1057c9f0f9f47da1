// What gateways are told, and what of it each of them does not know yet.
import { FLAG_WANTS_INDEX, FLAG_WHOLE_TABLE } from "../../protocol/frame.ts";
import * as wire from "../../protocol/records.ts";
import { PickLog } from "../index/pick-log.ts";
import type { PrefixIndex } from "../index/prefix-index.ts";
import type { Endpoint } from "../pool/endpoint.ts";
import type { Pools } from "../pool/pools.ts";
import { FrameWriter } from "./frame-writer.ts";
import type { Gateway } from "./gateways.ts";
import { writeEntries } from "./index-records.ts";
import { writeLoad } from "./load-record.ts";
import { Positions } from "./positions.ts";
import type { GatewayClaim } from "./read-frame.ts";
import { writeRewrites } from "./rewrite-records.ts";
import { Shares } from "./shares.ts";
import {
  type Settings,
  writeAdmission,
  writeDisaggregation,
  writeEndpoint,
  writeModels,
  writePool,
  writeSettings,
} from "./table-records.ts";

/** Other gateways' picks in one answer. */
const RELAY_BYTES_MAX = 1024 * 1024;

/** How much further back than its last answer a gateway that comes from elsewhere is told picks. */
const RETOLD_MS = 500;

/** How soon a gateway must be told: not at all, with the next round of probes, or at once. */
export type Urgency = "none" | "quiet" | "urgent";

export class Hints {
  readonly positions: Positions;
  readonly shares = new Shares();
  readonly log = new PickLog();
  /** Gateways are told of others with the next table. */
  settings: Settings;
  readonly #pools: Pools;
  readonly #index: PrefixIndex;
  readonly #writer = new FrameWriter();

  /** `random` answers numbers from 0 to below 1. */
  constructor(settings: Settings, pools: Pools, index: PrefixIndex, random: () => number) {
    this.settings = settings;
    this.#pools = pools;
    this.#index = index;
    this.positions = new Positions(random);
  }

  /** Endpoints, profile or settings are others than gateways were told. */
  tableChanged(): void {
    this.positions.nextTable();
  }

  /** Compares a new reading with what gateways have there. */
  noteForeign(endpoint: Endpoint): void {
    const { reading, slot } = endpoint;
    if (reading === null || slot === null) return;
    const { waiting, running } = reading;
    const { requests, unanswered } = this.shares.others(NO_GATEWAY, slot);
    endpoint.foreign.take(
      { waiting, requests: waiting + running },
      { waiting: unanswered, requests },
    );
  }

  /** What gateways act on has changed, or (not urgent) only its age has. */
  loadChanged(endpoint: Endpoint, isUrgent: boolean): void {
    const sequence = this.positions.nextLoads();
    if (isUrgent) endpoint.changed = sequence;
    else endpoint.refreshed = sequence;
  }

  /** A gateway's share of an endpoint has changed; all others must hear. */
  shareChanged(endpoint: Endpoint, gateway: number): void {
    endpoint.flight.note(this.positions.nextLoads(), gateway);
  }

  picked(gateway: number, record: Uint8Array, nowMs: number): void {
    this.log.add(this.positions.nextIndex(), gateway, record, nowMs);
  }

  /** A gateway that has no index yet is given this one, where there is any. */
  greet(gateway: Gateway, claim: GatewayClaim): void {
    const isKnown = this.positions.areOurs(claim);
    if (isKnown) gateway.hasHeardUs = true;
    const hasNone = claim.generation === 0 || (isKnown && claim.index === 0);
    if (hasNone && this.#index.size > 0) gateway.entriesFrom ??= 0;
  }

  urgency(gateway: Gateway, claim: GatewayClaim): Urgency {
    const { positions } = this;
    if (!positions.areOurs(claim) || claim.table !== positions.table) return "urgent";
    if (gateway.entriesFrom !== null) return "urgent";
    if (this.log.hasNews(claim.index, gateway.number)) return "urgent";
    let urgency: Urgency = "none";
    for (const endpoint of this.#pools.endpoints()) {
      if (isUrgentAfter(endpoint, gateway.number, claim.loads)) return "urgent";
      if (endpoint.refreshed > claim.loads) urgency = "quiet";
    }
    return urgency;
  }

  /** A frame with all that this gateway does not know by what its poll says. */
  answer(gateway: Gateway, claim: GatewayClaim, nowMs: number): Buffer {
    const { positions } = this;
    const isKnown = positions.areOurs(claim);
    const isWhole = !isKnown || claim.table !== positions.table;
    if (isWhole) this.#writeTable();
    this.#writeLoads(gateway, isWhole ? -1 : claim.loads, nowMs);
    const told = this.#writeIndex(gateway, this.#indexKnownTo(claim, nowMs));
    this.#writePosition(told);
    // Another process told it so far: its index is what that process knew.
    const wantsIndex = positions.areAnothers(claim) && !gateway.hasHeardUs;
    const flags = (isWhole ? FLAG_WHOLE_TABLE : 0) | (wantsIndex ? FLAG_WANTS_INDEX : 0);
    return this.#writer.seal(gateway.version, flags, positions.generation);
  }

  /** A whole table for no gateway in particular, to be kept on disk. */
  wholeTable(version: number, nowMs: number): Buffer {
    this.#writeTable();
    for (const endpoint of this.#pools.toldEndpoints())
      writeLoad(this.#writer, endpoint, NOBODY, nowMs);
    this.#writePosition(0);
    return this.#writer.seal(version, FLAG_WHOLE_TABLE, this.positions.generation);
  }

  /** A frame without records, which answers a report. */
  receipt(gateway: Gateway): Buffer {
    return this.#writer.seal(gateway.version, 0, this.positions.generation);
  }

  /** Starts counting anew before the counts end. Gateways are told everything once more. */
  renumberIfUsedUp(): void {
    if (!this.positions.isUsedUp) return;
    this.positions.beginCounting();
    this.log.clear();
    for (const endpoint of this.#pools.endpoints()) {
      endpoint.changed = 0;
      endpoint.refreshed = 0;
      endpoint.flight.clear();
    }
  }

  /** What another replica relayed is known up to when it did so, and told again a little further back. */
  #indexKnownTo(claim: GatewayClaim, nowMs: number): number {
    const { positions } = this;
    if (positions.areOurs(claim)) return claim.index;
    if (claim.generation !== positions.generation) return positions.index;
    return this.log.sequenceBefore(nowMs - claim.toldMs - RETOLD_MS);
  }

  #writeTable(): void {
    writeSettings(this.#writer, this.settings);
    for (const pool of this.#pools.told) writePool(this.#writer, pool);
    const { byPool } = this.#pools.objectives;
    for (const pool of this.#pools.told) {
      const objectives = byPool.get(pool);
      if (objectives === undefined) continue;
      writeAdmission(this.#writer, pool.number, pool.configuration.admission, objectives);
    }
    for (const pool of this.#pools.told) {
      for (const endpoint of pool.endpoints()) writeEndpoint(this.#writer, pool, endpoint);
    }
    const { disaggregation } = this.settings;
    for (const pool of this.#pools.told) writeDisaggregation(this.#writer, pool, disaggregation);
    writeModels(this.#writer, this.#pools.models);
    writeRewrites(this.#writer, this.#pools.rewrites);
  }

  #writeLoads(gateway: Gateway, after: number, nowMs: number): void {
    for (const endpoint of this.#pools.toldEndpoints()) {
      if (endpoint.slot === null) continue;
      const isNews = isUrgentAfter(endpoint, gateway.number, after) || endpoint.refreshed > after;
      if (!isNews) continue;
      const others = this.shares.others(gateway.number, endpoint.slot);
      writeLoad(this.#writer, endpoint, others, nowMs);
    }
  }

  /** Answers up to which position of the index the gateway then knows. */
  #writeIndex(gateway: Gateway, after: number): number {
    if (this.log.isBehind(after, gateway.number)) gateway.entriesFrom ??= 0;
    if (gateway.entriesFrom !== null) {
      gateway.entriesFrom = writeEntries(this.#writer, this.#index, gateway.entriesFrom);
      return this.positions.index;
    }
    const take = (record: Uint8Array) => this.#writer.append(record);
    const room = Math.min(RELAY_BYTES_MAX, this.#writer.room);
    return this.log.read(after, gateway.number, room, take) ?? this.positions.index;
  }

  #writePosition(index: number): void {
    const body = this.#writer.begin(wire.POSITION, wire.POSITION_BYTES);
    const view = this.#writer.view;
    view.setUint32(body + wire.POSITION_TABLE, this.positions.table, true);
    view.setUint32(body + wire.POSITION_LOADS, this.positions.loads, true);
    view.setUint32(body + wire.POSITION_INDEX, index, true);
    view.setUint32(body + wire.POSITION_ORIGIN, this.positions.origin, true);
  }
}

/** The number of none: others than this one are all. */
const NO_GATEWAY = 0;
const NOBODY = { requests: 0, backlogBytes: 0, residentBytes: 0, unanswered: 0 };

function isUrgentAfter(endpoint: Endpoint, gateway: number, loads: number): boolean {
  return endpoint.changed > loads || endpoint.flight.byOthers(gateway) > loads;
}
