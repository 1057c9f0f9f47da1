// One pool: the endpoints that discovery lists, and those that have just left it.
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import type { Configuration, Scheduling, StagesApart } from "../config/configuration.ts";
import type { DiscoveredEndpoint } from "../discovery/discovered.ts";
import type { BlockSize } from "./block-size.ts";
import { capacityBlocks, capacityBytes, ghostSizeOf, isWorthTelling } from "./capacity.ts";
import { addressText, Endpoint } from "./endpoint.ts";
import type { EndpointTls } from "./endpoint-tls.ts";
import { stagesApart } from "./roles.ts";
import type { Slots } from "./slots.ts";
import { type Reading, Slowness } from "./slowness.ts";
import { TokenBytes } from "./token-bytes.ts";

/** An endpoint that left the file finishes its requests within this time, then it is gone. */
const DRAINING_MS = 60_000;
/** A capacity and a token's bytes are told anew when they moved by this share. */
const CAPACITY_SHARE = 0.1;
const TOKEN_BYTES_SHARE = 0.05;

export interface PoolOptions {
  /** Also the name of Envoy's cluster. */
  name: string;
  number: number | null;
  configuration: Configuration;
}

/** Replicas have agreed on its number, or there are none to agree with. */
export type NumberedPool = Pool & { number: number };

export class Pool {
  readonly name: string;
  /**
   * What stands for it on the wire for as long as it exists, unless replicas agree on another; null,
   * and gateways are not told of it, until they have.
   */
  number: number | null;
  readonly tokens = new TokenBytes();
  /** When discovery ceased to list the pool; null while it does. */
  leftSinceMs: number | null = null;
  /** No model leads to it: it has left, or has just come. */
  isAside = false;
  /** Null where its endpoints speak plain HTTP. */
  tls: EndpointTls | null = null;
  /** Priorities by objective, as discovery tells of them. */
  objectives: Readonly<Record<string, number>> = {};
  readonly #slowness = new Slowness();
  readonly #blocks: BlockSize;
  readonly #slots: Slots;
  #configuration: Configuration;
  #toldBytesPerToken = this.tokens.bytesPerToken;
  #stagesApart: StagesApart | undefined;
  readonly #byAddress = new Map<string, Endpoint>();
  readonly #bySlot = new Map<number, Endpoint>();

  /** Blocks and slots are those of all pools. */
  constructor(options: PoolOptions, blocks: BlockSize, slots: Slots) {
    this.name = options.name;
    this.number = options.number;
    this.#configuration = options.configuration;
    this.#blocks = blocks;
    this.#slots = slots;
  }

  get configuration(): Configuration {
    return this.#configuration;
  }

  set configuration(configuration: Configuration) {
    this.#configuration = configuration;
    for (const endpoint of this.#byAddress.values()) this.#describe(endpoint);
  }

  /** The configuration's, or what stands for it where endpoints have roles. */
  get scheduling(): Scheduling {
    const { scheduling, disaggregated } = this.#configuration;
    const apart = this.#stagesApart;
    return (apart && disaggregated?.[apart]) ?? scheduling;
  }

  get blockBytes(): number {
    return this.#blocks.bytes;
  }

  /** Prompt bytes of a token as gateways were told. */
  get bytesPerToken(): number {
    return this.#toldBytesPerToken;
  }

  /** Every endpoint was probed once, so that what gateways are told is true. */
  get isReady(): boolean {
    for (const endpoint of this.#byAddress.values()) if (!endpoint.isProbed) return false;
    return true;
  }

  /** Prompt bytes that all of its caches are believed to hold. */
  get cachedBytes(): number {
    let bytes = 0;
    for (const endpoint of this.#byAddress.values()) bytes += this.#capacityBytes(endpoint);
    return bytes;
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
   * Takes the pool's listed endpoints, at most POOL_ENDPOINTS_MAX. Those no longer listed drain; where
   * they and the listed ones would exceed the limit, those that drain longest are let go, so that
   * every listed one is admitted. `areTrusted`: new ones are up until a probe says otherwise. Answers
   * those let go.
   */
  discover(listed: readonly DiscoveredEndpoint[], areTrusted: boolean, nowMs: number): Endpoint[] {
    this.leftSinceMs = null;
    const addresses = new Set(listed.map(addressText));
    for (const endpoint of this.#byAddress.values()) {
      if (!addresses.has(endpoint.address)) endpoint.drainingSinceMs ??= nowMs;
    }
    const before = this.#stagesApart;
    this.#stagesApart = stagesApart(listed.map(({ labels }) => labels));
    for (const discovered of listed) this.#list(discovered, areTrusted);
    if (before !== this.#stagesApart) {
      for (const endpoint of this.#byAddress.values()) this.#describe(endpoint);
    }
    return this.letGoOldest(this.#byAddress.size - POOL_ENDPOINTS_MAX, nowMs);
  }

  /** Discovery lists the pool no longer: all of it drains. */
  leave(nowMs: number): void {
    this.leftSinceMs ??= nowMs;
    for (const endpoint of this.#byAddress.values()) endpoint.drainingSinceMs ??= nowMs;
  }

  /** Gives each endpoint that has none a slot. Before the first call none has one. */
  assignSlots(nowMs: number): void {
    for (const endpoint of this.#byAddress.values()) {
      endpoint.slot ??= this.#slots.assign(endpoint.address, nowMs, this.slotName(endpoint));
      if (endpoint.slot !== null) this.#bySlot.set(endpoint.slot, endpoint);
    }
  }

  /** By which replicas agree on the endpoint's slot: several pools may list its address. */
  slotName({ address }: Endpoint): string {
    return `${this.name}/${address}`;
  }

  /** Takes slots away that are others than those agreed on, by name, and answers them. */
  leaveOtherSlots(agreed: ReadonlyMap<string, number>, nowMs: number): number[] {
    const left: number[] = [];
    for (const endpoint of this.#byAddress.values()) {
      const { slot } = endpoint;
      if (slot === null || agreed.get(this.slotName(endpoint)) === slot) continue;
      this.#bySlot.delete(slot);
      this.#slots.release(slot, nowMs);
      endpoint.slot = null;
      left.push(slot);
    }
    return left;
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

  /** Lets go of so many of those that drain longest, as far as there are, and answers them. */
  letGoOldest(count: number, nowMs: number): Endpoint[] {
    if (count <= 0) return [];
    const draining = this.#draining();
    draining.sort((a, b) => a.drainingSinceMs! - b.drainingSinceMs!);
    const gone = draining.slice(0, count);
    this.#letGo(gone, nowMs);
    return gone;
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
    const { profiles, values } = this.scheduling;
    const { reading, values: before } = endpoint;
    endpoint.score = profiles[0]?.pushedScore(reading) ?? 0;
    const facts = { labels: endpoint.discovered.labels, reading };
    endpoint.values = values.map((valueAt) => valueAt(facts));
    return endpoint.values.some((value, number) => value !== before[number]);
  }

  /** The endpoint's first byte came so long after the request. */
  learnFirstByte(endpoint: Endpoint, reading: Reading, ms: number, nowMs: number): void {
    this.#slowness.learn(reading, ms, nowMs);
    endpoint.learnedSlowness.learn(reading, ms, nowMs);
  }

  reckonSlowness(endpoint: Endpoint, nowMs: number): void {
    endpoint.slowness = endpoint.learnedSlowness.over(this.#slowness, nowMs);
  }

  /** Follows what was learned. Answers whether gateways have to be told anew. */
  retell(): boolean {
    let isNews = false;
    const learned = this.tokens.bytesPerToken;
    if (isWorthTelling(this.#toldBytesPerToken, learned, TOKEN_BYTES_SHARE)) {
      this.#toldBytesPerToken = learned;
      isNews = true;
    }
    for (const endpoint of this.#byAddress.values()) {
      isNews = this.#retellCapacity(endpoint) || isNews;
    }
    return isNews;
  }

  /** Of each endpoint with a slot, blocks to remember: held, or held until recently. */
  *rememberedBlocks(): Generator<[slot: number, blocks: number]> {
    const ghostSize = ghostSizeOf(this.scheduling.profiles.flatMap(({ steps }) => steps));
    for (const { slot, toldCapacityBlocks } of this.#byAddress.values()) {
      if (slot === null) continue;
      yield [slot, toldCapacityBlocks * ghostSize];
    }
  }

  #retellCapacity(endpoint: Endpoint): boolean {
    const blocks = capacityBlocks(this.#capacityBytes(endpoint), this.blockBytes);
    if (!isWorthTelling(endpoint.toldCapacityBlocks, blocks, CAPACITY_SHARE)) return false;
    endpoint.toldCapacityBlocks = blocks;
    return true;
  }

  #capacityBytes(endpoint: Endpoint): number {
    const cacheTokens = endpoint.reading?.cacheTokens ?? null;
    return capacityBytes(cacheTokens, this.tokens.bytesPerToken, endpoint.capacityFactor);
  }

  #list(discovered: DiscoveredEndpoint, isTrusted: boolean): void {
    const address = addressText(discovered);
    const endpoint = this.#byAddress.get(address) ?? new Endpoint(discovered, isTrusted);
    endpoint.discovered = discovered;
    endpoint.drainingSinceMs = null;
    this.#byAddress.set(address, endpoint);
    this.#describe(endpoint);
  }

  #describe(endpoint: Endpoint): void {
    endpoint.labelBits = 0;
    for (const [bit, passes] of this.scheduling.labelFilters.entries()) {
      if (passes(endpoint.discovered.labels)) endpoint.labelBits |= 1 << bit;
    }
    endpoint.labelBits >>>= 0;
    this.rescore(endpoint);
    this.#retellCapacity(endpoint);
  }
}
