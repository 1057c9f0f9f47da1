// The control plane without its web server: what it holds, and how its parts hear of each other.

import { VERSION_MAX, VERSION_MIN } from "../protocol/limits.ts";
import { STATE_DOWN } from "../protocol/records.ts";
import type { Configuration } from "./config/configuration.ts";
import type { DiscoveredPool } from "./discovery/discovered.ts";
import type { EngineIds } from "./engines/bootstrap.ts";
import type { EngineReading } from "./engines/engine.ts";
import { METRICS_BYTES_MAX, Prober } from "./engines/probe.ts";
import type { HintwayError } from "./errors.ts";
import { Exchange, type Versions } from "./hints/exchange.ts";
import { type Gateway, Gateways } from "./hints/gateways.ts";
import { Hints } from "./hints/hints.ts";
import { HOLD_MS_MAX, LongPolls, QUIET_PAUSE_MS, URGENT_PAUSE_MS } from "./hints/long-polls.ts";
import type { SlotClaim } from "./hints/read-frame.ts";
import { Reports } from "./hints/reports.ts";
import { PrefixIndex } from "./index/prefix-index.ts";
import { endedFigures } from "./metrics/ended-figures.ts";
import { figuresOf } from "./metrics/figures-of.ts";
import { ModelNames } from "./metrics/model-names.ts";
import { Series } from "./metrics/series.ts";
import { CACHE_TOKENS_MAX } from "./pool/capacity.ts";
import { type Endpoint, stateName } from "./pool/endpoint.ts";
import { type Place, Pools } from "./pool/pools.ts";
import { probeTargets } from "./pool/probe-targets.ts";
import type { RewriteRule } from "./pool/rewrites.ts";
import { PoolWarnings } from "./pool/warnings.ts";
import { Refusals } from "./refusals.ts";
import { joinReplicas } from "./replicas/join.ts";
import type { Replicas } from "./replicas/replicas.ts";
import type { SharedStateOptions } from "./replicas/shared-state.ts";
import type { Adjustable } from "./settings.ts";

export interface ControlPlaneOptions extends Adjustable {
  /** Holds for every pool that has none of its own. */
  configuration: Configuration;
  /** Slots that the state folder remembers. */
  lastKnownSlots: SlotClaim[];
  /** The size of blocks that it remembers. */
  lastKnownBlockBytes?: number | null;
  /** What this replica shares with others; there are none without it. */
  state?: SharedStateOptions | undefined;
  /** Protocol versions to speak, where not all that this tree does. */
  versions?: Versions;
  /** Milliseconds. */
  now(): number;
  /** 0 to below 1. */
  random(): number;
  /** The table, or a state in it, is another one: what is kept on disk is out of date. */
  onTable(): void;
}

/** What of a logger is used here. Lines with an `event` are read by whoever supervises the process. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Share of the probe period by which probes spread. */
const PROBE_JITTER = 0.1;
const SWEEP_MS = 1000;
/** Longer than a few probes: a server that is back sooner has most likely not been started anew. */
const AWAY_MS = 3_000;
/** A gateway hands back its index in several frames; others are given it when no more come. */
const HAND_BACK_PAUSE_MS = 500;

export class ControlPlane {
  readonly pools: Pools;
  readonly index: PrefixIndex;
  readonly hints: Hints;
  readonly gateways = new Gateways();
  readonly polls: LongPolls;
  readonly exchange: Exchange;
  readonly series: Series;
  readonly refusals = new Refusals();
  /** Null where this is the only one. */
  readonly replicas: Replicas | null;
  /** Of pools without one of their own. */
  configuration: Configuration;
  readonly now: () => number;
  /** Silent until the web server has given its own. */
  log: Log = { info() {}, warn() {} };
  readonly #options: ControlPlaneOptions;
  readonly #models = new ModelNames();
  readonly #warnings = new PoolWarnings();
  readonly #prober: Prober;
  #sweeping: NodeJS.Timeout | undefined;
  #handBack: { gateway: Gateway; atMs: number } | null = null;

  constructor(options: ControlPlaneOptions) {
    const { blockBytes: bytesMin, configuration, settings, now, random } = options;
    this.#options = options;
    this.now = now;
    this.configuration = configuration;
    const { indexKeysMax: keysMax } = settings;
    const lastKnownBytes = options.lastKnownBlockBytes ?? null;
    this.pools = new Pools({ bytesMin, lastKnownBytes, keysMax }, configuration);
    this.pools.assignModels(options.models);
    this.#setRewrites("settings", options.modelRewrites);
    this.pools.setEndpointTls(options.endpointTls);
    this.pools.assignObjectives(options.objectives);
    this.index = new PrefixIndex(keysMax);
    this.hints = new Hints(settings, this.pools, this.index, random);
    this.polls = new LongPolls(this.hints, {
      now,
      // An answer, even an empty one, comes well before the gateway calls what it knows stale.
      holdMsMax: () => Math.min(HOLD_MS_MAX, this.hints.settings.staleMs / 2),
      urgentPauseMs: URGENT_PAUSE_MS,
      quietPauseMs: QUIET_PAUSE_MS,
    });
    const { pools, index, hints, gateways, polls } = this;
    this.exchange = new Exchange({
      ...{ hints, gateways, polls, now },
      versions: options.versions ?? { versionMin: VERSION_MIN, versionMax: VERSION_MAX },
      reports: new Reports(pools, index, hints, {
        legEnded: (leg) => this.series.legEnded(leg),
        ended: (request) => {
          const model = this.#models.nameOf(request.modelLow, request.modelHigh);
          this.series.ended(endedFigures(request, model));
        },
        failed: ({ endpoint }) => this.#failed(endpoint),
        handedBack: (gateway) => {
          this.#handBack = { gateway, atMs: now() };
        },
      }),
      assignSlots: (claims) => this.#assignSlots(claims),
      onReport: (view) => this.replicas?.publish(view),
    });
    const { state, lastKnownSlots } = options;
    const onLeft = (slots: readonly number[]) => this.#forgetSlots(slots);
    const onNews = () => this.#tableChanged();
    const joining = state && { state, lastKnownSlots, onLeft, onNews };
    this.replicas = joining ? joinReplicas(this, joining) : null;
    this.series = new Series(() => figuresOf(this));
    this.#prober = new Prober({
      ...{ ...options.probe, jitter: PROBE_JITTER, bytesMax: METRICS_BYTES_MAX, random, now },
      onReading: (address, reading, atMs) => this.#takeReading(address, reading, atMs),
      onModels: (address, models) => this.#takeModels(address, models),
      onEngines: (address, engineIds) => this.#takeEngines(address, engineIds),
      onFailure: (address, error) => this.#takeFailure(address, error),
    });
  }

  start(): void {
    this.#sweeping = setInterval(() => this.#sweep(), SWEEP_MS).unref();
    this.replicas?.start();
  }

  async stop(): Promise<void> {
    clearInterval(this.#sweeping);
    this.polls.close();
    this.replicas?.stop();
    await this.#prober.stop();
  }

  /**
   * Takes all pools that discovery lists, each with its endpoints. A pool or endpoint that is no longer
   * listed gets no further picks and goes when its requests have had time to end.
   */
  discoverPools(listed: readonly DiscoveredPool[]): void {
    const { gone, poolsLeftOut, endpointsLeftOut } = this.pools.discover(listed, this.now());
    if (poolsLeftOut + endpointsLeftOut > 0) {
      this.log.warn({ poolsLeftOut, endpointsLeftOut }, "more is listed than there is room for");
    }
    if (gone.length > 0) {
      const message = "there is no more room: endpoints go before they have drained";
      this.log.warn({ gone: gone.length }, message);
    }
    this.#forgetEndpoints(gone);
    this.#probeEndpoints();
    this.#tableChanged();
    this.replicas?.agree();
  }

  /** Puts other settings in force, here and in every gateway. */
  adjust(adjusted: Adjustable): void {
    const { blockBytes: bytesMin, settings, probe, models, objectives } = adjusted;
    const { indexKeysMax: keysMax } = settings;
    this.hints.settings = settings;
    this.index.keysMax = keysMax;
    this.pools.blocks.setLimits({ bytesMin, keysMax });
    this.#prober.setTimes(probe);
    this.pools.assignModels(models);
    this.#setRewrites("settings", adjusted.modelRewrites);
    this.pools.assignObjectives(objectives);
    this.pools.setEndpointTls(adjusted.endpointTls);
    this.#configured();
  }

  /** Puts the rules of a cluster's objects in force, in their order. */
  rewriteModels(rules: readonly RewriteRule[]): void {
    this.#setRewrites("cluster", rules);
    this.#tableChanged();
  }

  #setRewrites(source: "settings" | "cluster", rules: readonly RewriteRule[]): void {
    for (const { targets } of rules) for (const { model } of targets) this.#models.learn(model);
    this.pools.setRewrites(source, rules);
  }

  /** Puts a configuration in force for all pools without one of their own. */
  configure(configuration: Configuration): void {
    this.configuration = configuration;
    this.pools.configure(configuration);
    this.#configured();
  }

  /** The pool's own configuration; null takes it away. It may be told before the pool is listed. */
  configurePool(name: string, configuration: Configuration | null): void {
    this.pools.configure(configuration, name);
    this.#configured();
  }

  #configured(): void {
    this.#probeEndpoints();
    this.#tableChanged();
  }

  /** A changed file is broken: what was read last stays in force. It counts under `kind`. */
  refuse(file: string, error: HintwayError, kind = file): void {
    this.refusals.add(file, error.message);
    this.series.configurationRefused(kind);
    this.log.warn({ event: "file-refused", file, code: error.code }, error.message);
  }

  /** The file is in force again: what was refused of it is history. */
  accept(file: string, fields: object): void {
    this.log.info({ event: "file-in-force", file, ...fields }, "in force");
    this.refusals.remove(file);
  }

  #probeEndpoints(): void {
    const { connector } = this.hints.settings.disaggregation;
    this.#prober.setTargets(probeTargets(this.pools, connector));
    // Probed already for another pool: what that told is not waited for once more.
    for (const { isProbed, address } of this.pools.endpoints()) {
      if (!isProbed && this.pools.atAddress(address).length > 1) this.#prober.probeNow(address);
    }
  }

  async #assignSlots(claims: SlotClaim[]): Promise<void> {
    if (this.pools.hasSlots) return;
    for (const { address, slot } of [...claims, ...this.#options.lastKnownSlots]) {
      this.pools.claimSlot(address, slot);
    }
    await this.replicas?.firstAgreement();
    if (this.pools.hasSlots) return;
    this.pools.assignSlots(this.now());
    this.#tableChanged();
  }

  #takeReading(address: string, reading: EngineReading, atMs: number): void {
    for (const name of namesIn(reading)) this.#models.learn(name);
    const places = this.pools.atAddress(address);
    const tellsNames = places.some(({ endpoint: { models, reading: before } }) => {
      return models === null && String(before && namesIn(before)) !== String(namesIn(reading));
    });
    for (const place of places) this.#takePlaceReading(place, reading, atMs);
    if (tellsNames && this.pools.retellModels(this.now())) this.#tableChanged();
    this.polls.notice();
  }

  #takeModels(address: string, models: string[]): void {
    for (const name of models) this.#models.learn(name);
    for (const { endpoint } of this.pools.atAddress(address)) endpoint.models = models;
    if (this.pools.retellModels(this.now())) this.#tableChanged();
  }

  #takeEngines(address: string, engineIds: EngineIds): void {
    if (this.pools.takeEngines(address, engineIds)) this.#tableChanged();
  }

  #takePlaceReading({ pool, endpoint }: Place, reading: EngineReading, atMs: number): void {
    const { state } = endpoint;
    const hadTokens = endpoint.reading?.cacheTokens;
    // An engine that was away for this long was most likely started anew, with an empty cache.
    const isBack = state === STATE_DOWN && atMs - (endpoint.readAtMs ?? atMs) >= AWAY_MS;
    if (isBack && endpoint.slot !== null) this.index.clear(endpoint.slot);
    const isNews = endpoint.takeReading(reading, atMs);
    const isOther = pool.rescore(endpoint);
    pool.reckonSlowness(endpoint, atMs);
    this.hints.noteForeign(endpoint);
    if (reading.cacheTokens !== hadTokens) this.#takeCacheSize(endpoint, reading.cacheTokens);
    if (endpoint.state !== state) this.#stateChanged(endpoint);
    this.hints.loadChanged(endpoint, isNews || isOther);
  }

  #takeFailure(address: string, error: HintwayError): void {
    for (const { pool, endpoint } of this.pools.atAddress(address)) {
      this.series.probeFailed(pool.name, address);
      if (!endpoint.takeFailure(error.message, error.code === "PROBE_REFUSED")) continue;
      this.#stateChanged(endpoint);
      this.hints.loadChanged(endpoint, true);
    }
    this.polls.notice();
  }

  /** A gateway saw it fail: the next probe, made at once, decides. */
  #failed(endpoint: Endpoint): void {
    endpoint.suspect(this.now());
    this.#prober.probeNow(endpoint.address);
  }

  #stateChanged(endpoint: Endpoint): void {
    const { address, state, lastFailure } = endpoint;
    const fields = { endpoint: address, state: stateName(state), lastFailure };
    this.log.info({ event: "endpoint-state", ...fields }, "endpoint changed state");
    this.#options.onTable();
  }

  #takeCacheSize({ address }: Endpoint, cacheTokens: number | null): void {
    if (cacheTokens !== null && cacheTokens > CACHE_TOKENS_MAX) {
      const message = `the engine tells a cache of more than ${CACHE_TOKENS_MAX} tokens: taken as that`;
      this.log.warn({ endpoint: address, cacheTokens }, message);
    }
    if (this.#retell()) this.#tableChanged();
  }

  /** Answers whether gateways have to be told anew. */
  #retell(): boolean {
    const { blocks } = this.pools;
    const before = blocks.bytes;
    const isNews = this.pools.retell();
    if (blocks.bytes === before) return isNews;
    this.index.clearAll();
    const message = "blocks are of another size, so that the index holds all caches: it fills anew";
    const fields = { blockBytes: blocks.bytes, before, indexKeys: this.index.keysMax };
    this.log.warn(fields, message);
    return true;
  }

  #tableChanged(): void {
    this.#retell();
    this.pools.retellModels(this.now());
    for (const { fields, message } of this.#warnings.take(this.pools)) {
      this.log.warn({ event: "warning", about: fields }, message);
    }
    this.index.keep(this.pools.rememberedBlocks());
    this.hints.tableChanged();
    this.polls.notice();
    this.#options.onTable();
  }

  #sweep(): void {
    const nowMs = this.now();
    const gone = this.pools.sweep(nowMs);
    this.#forgetEndpoints(gone);
    if (gone.length > 0) this.#probeEndpoints();
    if (this.#retell() || this.pools.retellModels(nowMs) || gone.length > 0) this.#tableChanged();
    for (const gateway of this.gateways.sweep(nowMs, (known) => this.polls.isHeld(known))) {
      this.#forget(gateway);
    }
    this.#passOnHandBack(nowMs);
  }

  #forgetEndpoints(gone: readonly Place[]): void {
    if (gone.length === 0) return;
    // Reads values in memory; a scrape meanwhile shows the endpoints once more.
    void this.series.endpointsGone(
      gone.map(({ pool, endpoint }) => ({ pool: pool.name, endpoint: endpoint.address })),
    );
    this.#forgetSlots(gone.flatMap(({ endpoint }) => endpoint.slot ?? []));
  }

  #forgetSlots(slots: readonly number[]): void {
    this.index.drop(slots);
    for (const slot of slots) this.hints.shares.dropSlot(slot);
  }

  #forget(gateway: Gateway): void {
    this.log.info({ gateway: gateway.id }, "gateway is silent: its share is dropped");
    for (const slot of this.hints.shares.dropGateway(gateway.number)) {
      const place = this.pools.atSlot(slot);
      if (place) this.hints.shareChanged(place.endpoint, gateway.number);
    }
    this.polls.notice();
  }

  /** What one gateway handed back, the others may not know: they too lost sight of each other. */
  #passOnHandBack(nowMs: number): void {
    const handBack = this.#handBack;
    if (!handBack || nowMs - handBack.atMs < HAND_BACK_PAUSE_MS) return;
    this.#handBack = null;
    for (const gateway of this.gateways.all()) gateway.entriesFrom = 0;
    this.polls.notice();
  }
}

/** Models that metrics name: base model and adapters in use. */
function namesIn({ models, adapters }: EngineReading): string[] {
  return [...models, ...adapters.active];
}
