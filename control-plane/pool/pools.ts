// All pools of one control plane. They share slots, the index and the size of blocks; a pool's number
// is its own for as long as it exists.
import { isDeepStrictEqual } from "node:util";
import { POOL_ENDPOINTS_MAX, POOLS_MAX, SLOTS_MAX } from "../../protocol/limits.ts";
import type { Configuration } from "../config/configuration.ts";
import type { DiscoveredPool } from "../discovery/discovered.ts";
import type { EngineIds } from "../engines/bootstrap.ts";
import { BlockSize, type BlockSizeOptions } from "./block-size.ts";
import type { Endpoint } from "./endpoint.ts";
import type { EndpointTlsByPool } from "./endpoint-tls.ts";
import { areSameModels, modelsListedTwice, type ServedModels, servedModels } from "./models.ts";
import { objectivesOf, type Priorities, type ToldObjectives } from "./objectives.ts";
import { type NumberedPool, Pool } from "./pool.ts";
import { type RewriteRule, rulesWithinLimits, type ToldRule, toldRules } from "./rewrites.ts";
import { Slots } from "./slots.ts";

/** An endpoint and the pool that lists it. */
export interface Place {
  pool: Pool;
  endpoint: Endpoint;
}

/**
 * A pool's models lead to it so long after it was listed: a standalone Envoy asks for clusters once a
 * second, and then for their endpoints; and its servers tell their models meanwhile.
 */
const COMING_MS = 2_500;

type RewriteSource = "settings" | "cluster";

export interface Discovery {
  /** Endpoints that were let go, their slots still set. */
  gone: Place[];
  /** Listed pools, and endpoints of the others, for which there is no room. */
  poolsLeftOut: number;
  endpointsLeftOut: number;
}

export class Pools {
  readonly blocks: BlockSize;
  readonly #slots = new Slots();
  readonly #byName = new Map<string, Pool>();
  #configuration: Configuration;
  /** Of pools that have one of their own, whether or not the pool exists. */
  readonly #ownConfigurations = new Map<string, Configuration>();
  /** Pools by model name, as the operator says. */
  #assignedModels: Readonly<Record<string, string>> = {};
  /** Rules that give requests another model: the settings' own, and those of a cluster's objects. */
  #rewrites: Record<RewriteSource, readonly RewriteRule[]> = { settings: [], cluster: [] };
  #models: ServedModels = servedModels(this, this.#assignedModels);
  #endpointTls: EndpointTlsByPool = new Map();
  #assignedObjectives: Priorities = {};
  #nextNumber = 0;
  /** When each pool was first listed; long ago where that was at this process's start. */
  readonly #listedSinceMs = new Map<string, number>();
  #hasSlots = false;
  #isDiscovered = false;

  /** `configuration` holds for every pool without one of its own. */
  constructor(blocks: BlockSizeOptions, configuration: Configuration) {
    this.blocks = new BlockSize(blocks);
    this.#configuration = configuration;
  }

  /** In the order in which they were first listed. */
  [Symbol.iterator](): IterableIterator<Pool> {
    return this.#byName.values();
  }

  /** Those of which gateways are told. */
  get told(): NumberedPool[] {
    return [...this].filter((pool): pool is NumberedPool => pool.number !== null);
  }

  numbered(number: number): Pool | undefined {
    for (const pool of this) if (pool.number === number) return pool;
    return undefined;
  }

  *endpoints(): Generator<Endpoint> {
    for (const pool of this) yield* pool.endpoints();
  }

  *toldEndpoints(): Generator<Endpoint> {
    for (const pool of this.told) yield* pool.endpoints();
  }

  atSlot(slot: number): Place | undefined {
    for (const pool of this) {
      const endpoint = pool.atSlot(slot);
      if (endpoint) return { pool, endpoint };
    }
    return undefined;
  }

  /** Several pools may list an address. */
  atAddress(address: string): Place[] {
    return [...this].flatMap((pool) => {
      const endpoint = pool.atAddress(address);
      return endpoint ? [{ pool, endpoint }] : [];
    });
  }

  get hasSlots(): boolean {
    return this.#hasSlots;
  }

  /** Every endpoint was probed once, so that what gateways are told is true. */
  get isReady(): boolean {
    return this.#isDiscovered && [...this].every((pool) => pool.isReady);
  }

  /**
   * Takes the pools that discovery lists, each with its endpoints. One that is no longer listed
   * drains, and exists until its endpoints are gone. What is listed past POOLS_MAX, or past
   * POOL_ENDPOINTS_MAX and SLOTS_MAX, is left out; what drains makes room for what is listed.
   */
  discover(listed: readonly DiscoveredPool[], nowMs: number): Discovery {
    const admitted = listed.slice(0, POOLS_MAX);
    const names = new Set(admitted.map(({ name }) => name));
    for (const pool of this) if (!names.has(pool.name)) pool.leave(nowMs);
    const gone = this.#dropLongestLeft(admitted, nowMs);
    let endpointsLeftOut = 0;
    let room = SLOTS_MAX;
    for (const { name, endpoints, objectives = {} } of admitted) {
      const taken = endpoints.slice(0, Math.min(room, POOL_ENDPOINTS_MAX));
      endpointsLeftOut += endpoints.length - taken.length;
      room -= taken.length;
      const pool = this.#byName.get(name) ?? this.#begin(name, nowMs);
      pool.objectives = objectives;
      gone.push(...placesIn(pool, pool.discover(taken, !this.#isDiscovered, nowMs)));
    }
    gone.push(...this.#makeRoom(nowMs));
    this.#isDiscovered = true;
    this.#forgetEmpty();
    if (this.#hasSlots) this.assignSlots(nowMs);
    return { gone, poolsLeftOut: listed.length - admitted.length, endpointsLeftOut };
  }

  /** Where pools that drain stand in the way of listed ones, those that left first are let go. */
  #dropLongestLeft(admitted: readonly DiscoveredPool[], nowMs: number): Place[] {
    const begun = admitted.filter(({ name }) => !this.#byName.has(name)).length;
    const excess = Math.max(0, this.#byName.size + begun - POOLS_MAX);
    const left = [...this].filter((pool) => pool.leftSinceMs !== null);
    left.sort((a, b) => a.leftSinceMs! - b.leftSinceMs!);
    const gone = left.slice(0, excess).flatMap((pool) => {
      return placesIn(pool, pool.letGoOldest(pool.endpointCount, nowMs));
    });
    this.#forgetEmpty();
    return gone;
  }

  #begin(name: string, nowMs: number): Pool {
    const configuration = this.#ownConfigurations.get(name) ?? this.#configuration;
    const number = this.#slots.areAgreed ? null : this.#freeNumber();
    const options = { name, number, configuration };
    const pool = new Pool(options, this.blocks, this.#slots);
    pool.tls = this.#endpointTls.get(name) ?? null;
    this.#byName.set(name, pool);
    this.#listedSinceMs.set(name, this.#isDiscovered ? nowMs : Number.NEGATIVE_INFINITY);
    return pool;
  }

  /** Late words about a pool that is gone should not meet another one: numbers are given in turn. */
  #freeNumber(): number {
    const held = new Set([...this].map(({ number }) => number));
    while (held.has(this.#nextNumber)) this.#nextNumber = (this.#nextNumber + 1) % POOLS_MAX;
    const number = this.#nextNumber;
    this.#nextNumber = (number + 1) % POOLS_MAX;
    return number;
  }

  /** All endpoints that exist have a slot: those that drain make room. */
  #makeRoom(nowMs: number): Place[] {
    let excess = [...this].reduce((sum, pool) => sum + pool.endpointCount, -SLOTS_MAX);
    return [...this].flatMap((pool) => {
      const gone = pool.letGoOldest(excess, nowMs);
      excess -= gone.length;
      return placesIn(pool, gone);
    });
  }

  #forgetEmpty(): void {
    for (const pool of this) {
      if (pool.leftSinceMs === null || pool.endpointCount > 0) continue;
      this.#byName.delete(pool.name);
      this.#listedSinceMs.delete(pool.name);
    }
  }

  /** Takes the configuration of all pools, or of one; null takes the one pool's own away. */
  configure(configuration: Configuration | null, name?: string): void {
    if (name === undefined) this.#configuration = configuration ?? this.#configuration;
    else if (configuration === null) this.#ownConfigurations.delete(name);
    else this.#ownConfigurations.set(name, configuration);
    for (const pool of this) {
      const own = this.#ownConfigurations.get(pool.name) ?? this.#configuration;
      if (pool.configuration !== own) pool.configuration = own;
    }
  }

  /** Which pool serves which model, as gateways were told. */
  get models(): ServedModels {
    return this.#models;
  }

  setEndpointTls(byPool: EndpointTlsByPool): void {
    this.#endpointTls = byPool;
    for (const pool of this) pool.tls = byPool.get(pool.name) ?? null;
  }

  /** Names of pools that a setting, configuration or model names, and that do not exist. */
  get unknownNames(): string[] {
    if (this.#byName.size === 0) return [];
    const named = [
      ...[...this.#ownConfigurations.keys(), ...this.#endpointTls.keys()],
      ...Object.values(this.#assignedModels),
    ];
    return [...new Set(named)].filter((name) => !this.#byName.has(name)).sort();
  }

  get modelsListedTwice(): ReturnType<typeof modelsListedTwice> {
    return modelsListedTwice(this, this.#assignedModels);
  }

  /** The operator's word on which pool serves a model; it wins over what endpoints tell. */
  assignModels(pools: Readonly<Record<string, string>>): void {
    this.#assignedModels = pools;
  }

  setRewrites(source: RewriteSource, rules: readonly RewriteRule[]): void {
    this.#rewrites[source] = rules;
  }

  /** Of which gateways are not told, as there is no room for them. */
  get rulesLeftOut(): number {
    const rules = this.#rewritesServed();
    return rules.length - rulesWithinLimits(rules).length;
  }

  get objectivesLeftOut(): number {
    return this.objectives.leftOut;
  }

  /** As gateways try them. */
  get rewrites(): ToldRule[] {
    const told = rulesWithinLimits(this.#rewritesServed());
    return toldRules(told, (name) => this.#byName.get(name)?.number ?? undefined);
  }

  /** The settings' own come first, and win. Those of pools that do not exist take no room. */
  #rewritesServed(): RewriteRule[] {
    const { settings, cluster } = this.#rewrites;
    const isServed = ({ pool }: RewriteRule) => pool === null || this.#byName.has(pool);
    return [...settings, ...cluster].filter(isServed);
  }

  /** The operator's objectives, for all pools. */
  assignObjectives(priorities: Priorities): void {
    this.#assignedObjectives = priorities;
  }

  /** Priorities by objective, of each pool that has any. */
  get objectives(): ToldObjectives {
    return objectivesOf(this, this.#assignedObjectives);
  }

  /** Answers whether gateways have to be told anew. */
  retellModels(nowMs: number): boolean {
    const before = this.#models;
    const isOther = this.#setAside(nowMs);
    this.#models = servedModels(this, this.#assignedModels);
    return isOther || !areSameModels(before, this.#models);
  }

  /** A pool that has just come stands aside, unless there is no other for requests to go to. */
  #setAside(nowMs: number): boolean {
    const listed = [...this].filter(({ leftSinceMs }) => leftSinceMs === null);
    const hasCome = (pool: Pool) => nowMs - this.#listedSinceMs.get(pool.name)! >= COMING_MS;
    const staying = listed.some(hasCome) ? listed.filter(hasCome) : listed;
    let isOther = false;
    for (const pool of this) {
      const isAside = !staying.includes(pool);
      isOther ||= isAside !== pool.isAside;
      pool.isAside = isAside;
    }
    return isOther;
  }

  /** Answers whether gateways have to be told anew. */
  takeEngines(address: string, engineIds: EngineIds): boolean {
    let isNews = false;
    for (const { endpoint } of this.atAddress(address)) {
      isNews ||= !isDeepStrictEqual(endpoint.engineIds, engineIds);
      endpoint.engineIds = engineIds;
    }
    return isNews;
  }

  /** Remembers who already has a slot elsewhere. */
  claimSlot(address: string, slot: number): void {
    this.#slots.claim(address, slot);
  }

  /** Gives each endpoint that has none a slot. Before the first call none has one. */
  assignSlots(nowMs: number): void {
    this.#hasSlots = true;
    for (const pool of this) pool.assignSlots(nowMs);
  }

  /** Names of all endpoints and pools, with the numbers they have, or have a right to. */
  numbers(): { slots: Map<string, number | null>; pools: Map<string, number | null> } {
    const slots = [...this].flatMap((pool) =>
      [...pool.endpoints()].map((endpoint): [string, number | null] => [
        pool.slotName(endpoint),
        endpoint.slot ?? this.#slots.claimed(endpoint.address),
      ]),
    );
    return {
      slots: new Map(slots),
      pools: new Map([...this].map(({ name, number }) => [name, number])),
    };
  }

  /**
   * Takes what replicas agreed on; endpoints that come later have no slot before the next agreement.
   * Answers slots that were taken away, and whether gateways have to be told anew.
   */
  agree(
    slots: ReadonlyMap<string, number>,
    pools: ReadonlyMap<string, number>,
    nowMs: number,
  ): { left: number[]; isNews: boolean } {
    const before = this.#numbersInForce();
    this.#slots.agree(slots);
    const left = [...this].flatMap((pool) => pool.leaveOtherSlots(slots, nowMs));
    for (const pool of this) pool.number = pools.get(pool.name) ?? null;
    this.assignSlots(nowMs);
    return { left, isNews: before !== this.#numbersInForce() };
  }

  #numbersInForce(): string {
    return [...this].map(({ number }) => number).join() + [...this.endpoints()].map(slotOf).join();
  }

  /** Replicas have not agreed yet: no endpoint has a slot before they have. */
  awaitAgreement(): void {
    this.#slots.agree(new Map());
  }

  /** Numbers are given here, as there is nobody to agree with. */
  standAlone(nowMs: number): void {
    this.#slots.standAlone();
    for (const pool of this) pool.number ??= this.#freeNumber();
    if (this.#hasSlots) this.assignSlots(nowMs);
  }

  /** Lets go of endpoints that have drained, and of pools without any; answers the endpoints. */
  sweep(nowMs: number): Place[] {
    this.#slots.sweep(nowMs);
    const gone = [...this].flatMap((pool) => placesIn(pool, pool.sweep(nowMs)));
    this.#forgetEmpty();
    return gone;
  }

  /** Follows what was learned. Answers whether gateways have to be told anew. */
  retell(): boolean {
    const cachedBytes = [...this].reduce((sum, pool) => sum + pool.cachedBytes, 0);
    let isNews = this.blocks.fit(cachedBytes, this.isReady);
    for (const pool of this) isNews = pool.retell() || isNews;
    return isNews;
  }

  /** Of each endpoint with a slot, blocks to remember (held, or held until recently) and to hold. */
  *rememberedBlocks(): Generator<[slot: number, blocks: number]> {
    for (const pool of this) yield* pool.rememberedBlocks();
  }
}

function slotOf({ slot }: Endpoint): number | null {
  return slot;
}

function placesIn(pool: Pool, endpoints: readonly Endpoint[]): Place[] {
  return endpoints.map((endpoint) => ({ pool, endpoint }));
}
