// All that the status page shows, as one object.
import { DECIDE_ALWAYS, DECIDE_TIME, DECIDE_UNCACHED } from "../../protocol/records.ts";
import type { Configuration, Scheduling } from "../config/configuration.ts";
import type { ControlPlane } from "../control-plane.ts";
import { type Endpoint, stateName } from "../pool/endpoint.ts";
import type { ServedModels } from "../pool/models.ts";
import type { Pool } from "../pool/pool.ts";
import { connectorText, needPrefill, roleText } from "../pool/roles.ts";

export type Status = ReturnType<typeof statusOf>;

export function statusOf(controlPlane: ControlPlane) {
  const { pools, hints, index, gateways, polls, configuration, refusals, now } = controlPlane;
  const { generation, table, loads, index: picks } = hints.positions;
  const { objectives } = pools;
  const isOwn = (pool: Pool) => pool.configuration !== configuration;
  return {
    generation: generation.toString(16).padStart(8, "0"),
    positions: { table, loads, index: picks },
    ready: pools.isReady,
    mode: hints.settings.mode,
    replicas: controlPlane.replicas?.status ?? null,
    configuration: {
      ...configurationStatus(configuration),
      lastRefusal: refusals.last,
    },
    index: { keys: index.size, keysMax: index.keysMax },
    allModelsKnown: pools.models.areAll,
    pools: [...pools].map((pool) => ({
      name: pool.name,
      leaving: pool.leftSinceMs !== null,
      tls: pool.tls && (pool.tls.caCertificates === null ? "not verified" : pool.tls.name),
      models: modelsOf(pool, pools.models),
      objectives: objectives.byPool.get(pool) ?? {},
      ...schedulingStatus(pool.scheduling, isPrefillNeeded(controlPlane, pool)),
      ownConfiguration: isOwn(pool) ? configurationStatus(pool.configuration) : null,
      blockBytes: pool.blockBytes,
      blockBytesMin: pools.blocks.bytesMin,
      bytesPerToken: round(pool.tokens.bytesPerToken),
      endpoints: [...pool.endpoints()].map((endpoint) => endpointStatus(controlPlane, endpoint)),
    })),
    gateways: [...gateways.all()].map((gateway) => ({
      id: gateway.id,
      version: gateway.version,
      versions: `${gateway.versionMin}-${gateway.versionMax}`,
      polling: polls.isHeld(gateway),
      lastContactMs: Math.round(now() - gateway.lastContactMs),
      polls: gateway.polls,
      reports: gateway.reports,
    })),
  };
}

function isPrefillNeeded({ hints }: ControlPlane, pool: Pool): boolean {
  const labels = [...pool.endpoints()].map(({ discovered }) => discovered.labels);
  return needPrefill(labels, hints.settings.disaggregation.connector);
}

/** None where there is but one pool: then it is not looked for. */
function modelsOf({ number }: Pool, { poolOf }: ServedModels): string[] {
  return [...poolOf].filter(([, pool]) => pool === number).map(([model]) => model);
}

export type ConfigurationShown = ReturnType<typeof configurationStatus>;

function configurationStatus({ source, scheduling, warnings }: Configuration) {
  return { source, profiles: profilesStatus(scheduling), warnings };
}

function profilesStatus({ profiles }: Scheduling) {
  return profiles.map(({ name, steps }) => ({ name, steps: steps.map((step) => step.plugin) }));
}

/** What is in force: without a file, a pool with endpoints for prefill alone has its own. */
function schedulingStatus(scheduling: Scheduling, isPrefillNeeded: boolean) {
  const { disaggregation } = scheduling;
  const profiles = profilesStatus(scheduling);
  if (disaggregation === undefined) return { profiles, disaggregation: null };
  const nameOf = (number: number) => profiles[number]?.name ?? "";
  const { decider, decode, prefill, transferred } = disaggregation;
  return {
    profiles,
    disaggregation: {
      prefillElsewhere: isPrefillNeeded
        ? "always, as decode reads no prompt itself"
        : deciderText(decider, disaggregation.parameters),
      ...{ decode: nameOf(decode), prefill: nameOf(prefill), transferred: nameOf(transferred) },
    },
  };
}

function deciderText(decider: number, [tokens, promptTokens]: [number, number]): string {
  if (decider === DECIDE_ALWAYS) return "always";
  if (decider === DECIDE_TIME) return "where it takes less time";
  if (decider !== DECIDE_UNCACHED || tokens === 0) return "never";
  const least = promptTokens > 0 ? ` of at least ${promptTokens}` : "";
  return `from ${tokens} uncached prompt tokens${least}`;
}

function endpointStatus(controlPlane: ControlPlane, endpoint: Endpoint) {
  const { hints, index, now } = controlPlane;
  const { reading, readAtMs, slot } = endpoint;
  return {
    address: endpoint.address,
    name: endpoint.discovered.name,
    slot,
    state: stateName(endpoint.state),
    role: roleText(endpoint.discovered.labels),
    connector: connectorText(endpoint.discovered.labels, hints.settings.disaggregation.connector),
    engine: reading?.engine ?? null,
    waiting: reading?.waiting ?? null,
    running: reading?.running ?? null,
    kvUse: reading ? round(reading.kvUse) : null,
    score: round(endpoint.score),
    probedMs: readAtMs === null ? null : Math.round(now() - readAtMs),
    inFlight: slot === null ? null : hints.shares.others(0, slot),
    capacityBlocks: endpoint.toldCapacityBlocks,
    capacityFactor: round(endpoint.capacityFactor),
    indexKeys: slot === null ? 0 : index.sizeOf(slot),
    adapters: reading?.adapters.active ?? [],
    labels: endpoint.discovered.labels,
    lastFailure: endpoint.lastFailure,
  };
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
