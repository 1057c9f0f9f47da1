// The status page for people: plain text in columns.
import type { Status } from "./status.ts";

export function statusText(status: Status): string {
  const { configuration, index } = status;
  const lines = [
    `generation ${status.generation}, ${status.ready ? "ready" : "not ready"}`,
    `configuration ${configuration.source}`,
    ...configuration.profiles.map(({ name, steps }) => `profile ${name}: ${steps.join(", ")}`),
    ...configuration.warnings.map((warning) => `warning ${warning}`),
    `last refusal ${refusal(configuration.lastRefusal)}`,
    `index ${index.keys} of ${index.keysMax} keys`,
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

function refusal(last: Status["configuration"]["lastRefusal"]): string {
  return last ? `${last.at}: ${last.message}` : "none";
}

function poolLines(pool: Status["pools"][number]): string[] {
  const { blockBytes, blockBytesMin } = pool;
  const least = blockBytes > blockBytesMin ? ` (${blockBytesMin} would not fit the index)` : "";
  const head = `pool ${pool.name}, ${blockBytes} bytes a block${least}, ${pool.bytesPerToken} a token`;
  const header =
    "  ENDPOINT,SLOT,STATE,ENGINE,WAITING,RUNNING,KV,SCORE,PROBED,IN FLIGHT,BLOCKS,KEYS";
  const rows = pool.endpoints.map((endpoint) => [
    `  ${endpoint.address}`,
    shown(endpoint.slot),
    endpoint.state,
    shown(endpoint.engine),
    shown(endpoint.waiting),
    shown(endpoint.running),
    shown(endpoint.kvUse),
    shown(endpoint.score),
    endpoint.probedMs === null ? "never" : `${endpoint.probedMs} ms`,
    shown(endpoint.inFlight?.requests ?? null),
    shown(endpoint.capacityBlocks),
    shown(endpoint.indexKeys),
  ]);
  return ["", head, ...columns([header.split(","), ...rows])];
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
