// The status page for people: plain text in columns.
import type { ConfigurationShown, Status } from "./status.ts";

export function statusText(status: Status): string {
  const { configuration, index } = status;
  const lines = [
    `generation ${status.generation}, ${status.ready ? "ready" : "not ready"}, mode ${status.mode}`,
    ...replicasLines(status),
    ...configurationLines(configuration),
    `last refusal ${refusal(configuration.lastRefusal)}`,
    `index ${index.keys} of ${index.keysMax} keys`,
    ...modelsLines(status),
    ...status.pools.flatMap(poolLines),
    "",
    "gateways",
    ...columns([
      ["  ID", "VERSION", "POLLING", "LAST CONTACT", "POLLS", "REPORTS"],
      ...status.gateways.map((gateway) => [
        `  ${gateway.id}`,
        `${gateway.version} (${gateway.versions})`,
        gateway.polling ? "yes" : "no",
        `${gateway.lastContactMs} ms`,
        String(gateway.polls),
        String(gateway.reports),
      ]),
    ]),
  ];
  return `${lines.join("\n")}\n`;
}

function replicasLines({ replicas: shared }: Status): string[] {
  if (!shared) return [];
  const { state, isConnected, replicas, sent, received, dropped } = shared;
  if (!isConnected) return [`replicas alone: ${state} does not answer; ${dropped} reports dropped`];
  return [`replicas ${replicas} at ${state}, ${sent} entries sent, ${received} received`];
}

function configurationLines({ source, profiles, warnings }: ConfigurationShown): string[] {
  return [
    `configuration ${source}`,
    ...profilesLines(profiles),
    ...warnings.map((warning) => `warning ${warning}`),
  ];
}

function refusal(last: Status["configuration"]["lastRefusal"]): string {
  return last ? `${last.at}: ${last.message}` : "none";
}

/** Only where there are several pools does it matter which models are known. */
function modelsLines({ pools, allModelsKnown }: Status): string[] {
  if (pools.length < 2 || allModelsKnown) return [];
  return ["models not all known: a pool has not told them, and none is assigned to it"];
}

function poolLines(pool: Status["pools"][number]): string[] {
  const { blockBytes, blockBytesMin, ownConfiguration } = pool;
  const least = blockBytes > blockBytesMin ? ` (${blockBytesMin} would not fit the index)` : "";
  const leaving = pool.leaving ? " (leaving)" : "";
  const head = `pool ${pool.name}${leaving}, ${blockBytes} bytes a block${least}, ${pool.bytesPerToken} a token`;
  // Where no stage runs elsewhere, neither says anything.
  const isApart = pool.disaggregation !== null;
  const header = `  ENDPOINT,SLOT,STATE,ENGINE${isApart ? ",ROLE,CONNECTOR" : ""},WAITING,RUNNING,KV,SCORE,PROBED,IN FLIGHT,BLOCKS,KEYS`;
  const rows = pool.endpoints.map((endpoint) => [
    `  ${endpoint.address}`,
    shown(endpoint.slot),
    endpoint.state,
    shown(endpoint.engine),
    ...(isApart ? [endpoint.role, endpoint.connector] : []),
    shown(endpoint.waiting),
    shown(endpoint.running),
    shown(endpoint.kvUse),
    shown(endpoint.score),
    endpoint.probedMs === null ? "never" : `${endpoint.probedMs} ms`,
    shown(endpoint.inFlight?.requests ?? null),
    shown(endpoint.capacityBlocks),
    shown(endpoint.indexKeys),
  ]);
  const tls = pool.tls === null ? [] : [`  TLS to endpoints: ${pool.tls}`];
  const models = pool.models.length > 0 ? [`  models ${pool.models.join(", ")}`] : [];
  const disaggregation = disaggregationLines(pool);
  const own = ownConfiguration ? configurationLines(ownConfiguration) : [];
  return [
    "",
    head,
    ...tls,
    ...models,
    ...objectivesLines(pool.objectives),
    ...own.map((line) => `  ${line}`),
    ...disaggregation.map((line) => `  ${line}`),
    ...columns([header.split(","), ...rows]),
  ];
}

function disaggregationLines({ profiles, disaggregation }: Status["pools"][number]): string[] {
  if (disaggregation === null) return [];
  const { prefillElsewhere, decode, prefill, transferred } = disaggregation;
  return [
    ...profilesLines(profiles),
    `prefill elsewhere: ${prefillElsewhere}, by ${prefill}; decode by ${decode}, then by ${transferred}`,
  ];
}

function profilesLines(profiles: ConfigurationShown["profiles"]): string[] {
  return profiles.map(({ name, steps }) => `profile ${name}: ${steps.join(", ")}`);
}

function objectivesLines(objectives: Readonly<Record<string, number>>): string[] {
  const all = Object.entries(objectives).map(([name, priority]) => `${name} ${priority}`);
  return all.length > 0 ? [`  objectives ${all.join(", ")}`] : [];
}

function shown(value: string | number | null): string {
  return value === null ? "-" : String(value);
}

function columns(rows: string[][]): string[] {
  const widths = rows[0]!.map((_, at) => Math.max(...rows.map((row) => row[at]!.length)));
  return rows.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at]!))
      .join("  ")
      .trimEnd(),
  );
}
