// One pool: the endpoints that discovery lists, and those that have just left it.
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import type { Scheduling } from "../config/configuration.ts";
import type { DiscoveredEndpoint } from "../discovery/file.ts";
import {
  capacityBlocks,
  capacityBytes,
  firstBlockBytes,
  fittingBlockBytes,
  ghostSizeOf,
  isWorthTelling,
} from "./capacity.ts";
import { addressText, Endpoint } from "./endpoint.ts";
import type { Slots } from "./slots.ts";
import { TokenBytes } from "./token-bytes.ts";

/** An endpoint that left the file finishes its requests within this time, then it is gone. */
const DRAINING_MS = 60_000;
/** A capacity and a token's bytes are told anew when they moved by this share. */
const CAPACITY_SHARE = 0.1;
const TOKEN_BYTES_SHARE = 0.05;

export interface PoolOptions {
  /** Also the name of Envoy's cluster. */
  name: string;
  number: number;
  /** The smallest block, and the size that was in force before, if that is known. */
  blockBytes: number;
  lastKnownBlockBytes?: number | null;
  /** Keys that the index may hold: where the pool's caches have more blocks, blocks are doubled. */
  keysMax: number;
  scheduling: Scheduling;
}

export class Pool {
  readonly name: string;
  readonly number: number;
  readonly blockBytesMin: number;
  readonly tokens = new TokenBytes();
  #blockBytes: number;
  readonly #keysMax: number;
  #scheduling: Scheduling;
  #toldBytesPerToken = this.tokens.bytesPerToken;
  readonly #slots: Slots;
  readonly #byAddress = new Map<string, Endpoint>();
  readonly #bySlot = new Map<number, Endpoint>();
  #hasSlots = false;
  #isDiscovered = false;

  constructor(options: PoolOptions, slots: Slots) {
    this.name = options.name;
    this.number = options.number;
    this.blockBytesMin = options.blockBytes;
    this.#blockBytes = firstBlockBytes(options.blockBytes, options.lastKnownBlockBytes ?? null);
    this.#keysMax = options.keysMax;
    this.#scheduling = options.scheduling;
    this.#slots = slots;
  }

  get scheduling(): Scheduling {
    return this.#scheduling;
  }

  set scheduling(scheduling: Scheduling) {
    this.#scheduling = scheduling;
    for (const endpoint of this.#byAddress.values()) this.#describe(endpoint);
  }

  /** Prompt bytes of a block, of which each has a key. */
  get blockBytes(): number {
    return this.#blockBytes;
  }

  /** Prompt bytes of a token as gateways were told. */
  get bytesPerToken(): number {
    return this.#toldBytesPerToken;
  }

  get hasSlots(): boolean {
    return this.#hasSlots;
  }

  /** Every endpoint was probed once, so that what gateways are told is true. */
  get isReady(): boolean {
    if (!this.#isDiscovered) return false;
    for (const endpoint of this.#byAddress.values()) if (!endpoint.isProbed) return false;
    return true;
  }

  endpoints(): IterableIterator<Endpoint> {
    return this.#byAddress.values();
  }

  get endpointCount(): number {
    return this.#byAddress.size;
  }

  atAddress(address: string): Endpoint | undefined {
    return this.#byAddress.get(address);
  }

  atSlot(slot: number): Endpoint | undefined {
    return this.#bySlot.get(slot);
  }

  /**
   * Takes the pool's listed endpoints. Those no longer listed drain; where they and the listed ones
   * would exceed POOL_ENDPOINTS_MAX, those that drain longest are let go, so that every listed one
   * is admitted. Listed endpoints past the limit are left out.
   */
  discover(listed: DiscoveredEndpoint[], nowMs: number): { gone: Endpoint[]; leftOut: number } {
    const taken = listed.slice(0, POOL_ENDPOINTS_MAX);
    const addresses = new Set(taken.map(addressText));
    for (const endpoint of this.#byAddress.values()) {
      if (!addresses.has(endpoint.address)) endpoint.drainingSinceMs ??= nowMs;
    }
    for (const discovered of taken) this.#list(discovered);
    this.#isDiscovered = true;
    const gone = this.#drainedLongest(this.#byAddress.size - POOL_ENDPOINTS_MAX);
    this.#letGo(gone, nowMs);
    if (this.#hasSlots) this.assignSlots(nowMs);
    return { gone, leftOut: listed.length - taken.length };
  }

  /** Gives each endpoint that has none a slot. Before the first call none has one. */
  assignSlots(nowMs: number): void {
    this.#hasSlots = true;
    for (const endpoint of this.#byAddress.values()) {
      endpoint.slot ??= this.#slots.assign(endpoint.address, nowMs);
      if (endpoint.slot !== null) this.#bySlot.set(endpoint.slot, endpoint);
    }
  }

  /** Lets go of endpoints that have drained and answers them, their slots still set. */
  sweep(nowMs: number): Endpoint[] {
    const gone = this.#draining().filter(
      ({ drainingSinceMs }) => nowMs - drainingSinceMs! >= DRAINING_MS,
    );
    this.#letGo(gone, nowMs);
    return gone;
  }

  #draining(): Endpoint[] {
    return [...this.#byAddress.values()].filter((endpoint) => endpoint.drainingSinceMs !== null);
  }

  #drainedLongest(count: number): Endpoint[] {
    if (count <= 0) return [];
    const draining = this.#draining();
    draining.sort((a, b) => a.drainingSinceMs! - b.drainingSinceMs!);
    return draining.slice(0, count);
  }

  #letGo(gone: readonly Endpoint[], nowMs: number): void {
    for (const { address, slot } of gone) {
      this.#byAddress.delete(address);
      if (slot === null) continue;
      this.#bySlot.delete(slot);
      this.#slots.release(slot, nowMs);
    }
  }

  /**
   * Computes what profiles look at, after a probe or a changed configuration. Answers whether any of
   * it is another.
   */
  rescore(endpoint: Endpoint): boolean {
    const { profiles, values } = this.#scheduling;
    const { reading, values: before } = endpoint;
    endpoint.score = profiles[0]?.pushedScore(reading) ?? 0;
    const facts = { labels: endpoint.discovered.labels, reading };
    endpoint.values = values.map((valueAt) => valueAt(facts));
    return endpoint.values.some((value, number) => value !== before[number]);
  }

  /** Follows what was learned. Answers whether gateways have to be told anew. */
  retell(): boolean {
    let isNews = false;
    const learned = this.tokens.bytesPerToken;
    if (isWorthTelling(this.#toldBytesPerToken, learned, TOKEN_BYTES_SHARE)) {
      this.#toldBytesPerToken = learned;
      isNews = true;
    }
    isNews = this.#fitBlocks() || isNews;
    for (const endpoint of this.#byAddress.values())
      isNews = this.#retellCapacity(endpoint) || isNews;
    return isNews;
  }

  /** Of each endpoint with a slot, blocks to remember (held, or held until recently) and to hold. */
  *rememberedBlocks(): Generator<[slot: number, blocks: number, capacity: number]> {
    const ghostSize = ghostSizeOf(this.#scheduling.profiles.flatMap(({ steps }) => steps));
    for (const { slot, toldCapacityBlocks } of this.#byAddress.values()) {
      if (slot === null) continue;
      yield [slot, toldCapacityBlocks * ghostSize, toldCapacityBlocks];
    }
  }

  /** Until every endpoint was probed, what caches hold is not known well enough for smaller blocks. */
  #fitBlocks(): boolean {
    const before = this.#blockBytes;
    const cachedBytes = this.#cachedBytes();
    const fitting = fittingBlockBytes(cachedBytes, this.#keysMax, this.blockBytesMin, before);
    if (fitting < before && !this.isReady) return false;
    this.#blockBytes = fitting;
    return fitting !== before;
  }

  #cachedBytes(): number {
    let bytes = 0;
    for (const endpoint of this.#byAddress.values()) bytes += this.#capacityBytes(endpoint);
    return bytes;
  }

  #retellCapacity(endpoint: Endpoint): boolean {
    const blocks = capacityBlocks(this.#capacityBytes(endpoint), this.#blockBytes);
    if (!isWorthTelling(endpoint.toldCapacityBlocks, blocks, CAPACITY_SHARE)) return false;
    endpoint.toldCapacityBlocks = blocks;
    return true;
  }

  #capacityBytes(endpoint: Endpoint): number {
    const cacheTokens = endpoint.reading?.cacheTokens ?? null;
    return capacityBytes(cacheTokens, this.tokens.bytesPerToken, endpoint.capacityFactor);
  }

  #list(discovered: DiscoveredEndpoint): void {
    const address = addressText(discovered);
    // After a restart, gateways already send to what is listed: it is trusted until it is probed.
    const endpoint = this.#byAddress.get(address) ?? new Endpoint(discovered, !this.#isDiscovered);
    endpoint.discovered = discovered;
    endpoint.drainingSinceMs = null;
    this.#byAddress.set(address, endpoint);
    this.#describe(endpoint);
  }

  #describe(endpoint: Endpoint): void {
    endpoint.labelBits = 0;
    for (const [bit, passes] of this.#scheduling.labelFilters.entries()) {
      if (passes(endpoint.discovered.labels)) endpoint.labelBits |= 1 << bit;
    }
    endpoint.labelBits >>>= 0;
    this.rescore(endpoint);
    this.#retellCapacity(endpoint);
  }
}
