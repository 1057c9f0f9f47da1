// What is measured: groups of cells, each group over gateways of its own.

/** What stays the same while the targets take turns. */
export interface Cell {
  bodyBytes: number;
  connections: number;
  prompts: "unique" | "repeated";
  /** Of a streamed answer; 0: answers come whole. */
  chunks: number;
  /** Whether streamed answers are asked for token counts; those that come whole tell them always. */
  asksUsage: boolean;
}

/** What the gateways of a group are started over. */
export interface Setting {
  endpoints: number;
  /** Keys that each machine's index is filled with at the start; 0: none. */
  indexKeys: number;
}

export interface Group {
  setting: Setting;
  cells: Cell[];
}

export interface Plan {
  rounds: number;
  warmSeconds: number;
  seconds: number;
  /** How long to wait, before a cell, for other processes to be quiet. */
  quietSeconds: number;
  groups: Group[];
}

const KB = 1024;
const FEW: Setting = { endpoints: 4, indexKeys: 0 };
/** Streams are paced, so their load is set by their number. */
const STREAM_CONNECTIONS = 16;

/** Each figure that has a budget, and streams. */
export function quickGroups(): Group[] {
  const cells = crossed([KB, 100 * KB], [1, 32], ["unique"]);
  return [{ setting: FEW, cells: [...cells, streamOf(200), streamOf(200, true)] }];
}

export function wholeGroups(): Group[] {
  const bodies = [KB, 16 * KB, 100 * KB, 1024 * KB];
  const main = crossed(bodies, [1, 32], ["unique", "repeated"]);
  const some = crossed([KB, 100 * KB], [32], ["unique"]);
  const alone = crossed([KB], [1], ["unique"]);
  const streams = [false, true].flatMap((asks) => [streamOf(200, asks), streamOf(2_000, asks)]);
  const found = crossed([KB, 100 * KB], [32], ["repeated"]);
  return [
    { setting: FEW, cells: [...main, ...streams] },
    { setting: { endpoints: 64, indexKeys: 0 }, cells: [...some, ...alone] },
    { setting: { endpoints: 512, indexKeys: 0 }, cells: [...some, ...alone] },
    { setting: { endpoints: 4, indexKeys: 1_000 }, cells: found },
    { setting: { endpoints: 4, indexKeys: 1_000_000 }, cells: [...found, ...some] },
  ];
}

/** Clients' libraries ask for no counts unless they are told to. */
export function streamOf(chunks: number, asksUsage = false): Cell {
  return { bodyBytes: KB, connections: STREAM_CONNECTIONS, prompts: "unique", chunks, asksUsage };
}

export function crossed(
  bodies: number[],
  connections: number[],
  prompts: Cell["prompts"][],
): Cell[] {
  return prompts.flatMap((kind) =>
    connections.flatMap((count) =>
      bodies.map((bodyBytes) => ({
        ...{ bodyBytes, connections: count, prompts: kind },
        ...{ chunks: 0, asksUsage: false },
      })),
    ),
  );
}

/** `4 endpoints: unique 32 × 1 KB`: what `--only` is matched with. */
export function cellName({ endpoints, indexKeys }: Setting, cell: Cell): string {
  const index = indexKeys > 0 ? `, ${indexKeys} keys` : "";
  const usage = cell.asksUsage ? " with counts" : "";
  const chunks = cell.chunks > 0 ? ` × ${cell.chunks} chunks${usage}` : "";
  const body = `${cell.prompts} ${cell.connections} × ${cell.bodyBytes / KB} KB${chunks}`;
  return `${endpoints} endpoints${index}: ${body}`;
}

/** The groups with the cells that match alone. */
export function onlyCells(groups: Group[], pattern: RegExp): Group[] {
  return groups
    .map(({ setting, cells }) => ({
      setting,
      cells: cells.filter((cell) => pattern.test(cellName(setting, cell))),
    }))
    .filter(({ cells }) => cells.length > 0);
}

/** Between two cells: connecting, and a look whether others are quiet. */
const BETWEEN_SECONDS = 0.6;
/** To start the gateways of a group, fill their index, and stop them. */
const GROUP_SECONDS = 25;

export function secondsOf(plan: Plan, targets: number): number {
  const cells = plan.groups.reduce((sum, group) => sum + group.cells.length, 0);
  const samples = cells * plan.rounds * targets;
  const perSample = plan.warmSeconds + plan.seconds + BETWEEN_SECONDS;
  return samples * perSample + plan.groups.length * GROUP_SECONDS;
}
