import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";
import { parse } from "yaml";
import { Series } from "../../control-plane/metrics/series.ts";
import { CLUSTER_HEADER, DESTINATION_HEADER } from "../../protocol/names.ts";
import { projectPath } from "../../start/project.ts";

const CHART = projectPath("deploy", "chart", "files");

function text(name: string): string {
  return readFileSync(`${CHART}/${name}`, "utf8");
}

/** Of every series, also those without a value. */
async function seriesNames(): Promise<Set<string>> {
  const figures = {
    generation: "",
    gateways: 0,
    heldPolls: 0,
    indexKeys: 0,
    mode: "active",
    replicas: null,
    pools: [],
  };
  const page = await new Series(() => figures).text();
  const names = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    names.flatMap(([, name, type]) => (type === "histogram" ? [`${name}_bucket`] : [name!])),
  );
}

/** Expressions of alerts and dashboard. */
function asked(): string[] {
  const rules = parse(text("alerts.yaml")).groups.flatMap(
    (group: { rules: object[] }) => group.rules,
  );
  const panels = JSON.parse(text("dashboard.json")).panels as { targets: { expr: string }[] }[];
  return [
    ...rules.map((rule: { expr: string }) => rule.expr),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];
}

it("alerts and dashboard ask for series that the control plane has", async () => {
  const known = await seriesNames();
  expect(asked().length).toBeGreaterThan(15);
  for (const expression of asked()) {
    const names = expression.match(/(?:hintway|llm_d_epp)_\w+/g) ?? [];
    expect(names).not.toEqual([]);
    for (const name of names) expect(known, expression).toContain(name);
  }
});

/** What each replica tells of all gateways and endpoints, so that a sum would have it once for each. */
const TOLD_BY_EVERY_REPLICA = [
  ...["hintway_endpoint_up", "hintway_in_flight", "hintway_index_keys", "hintway_gateways"],
  ...["hintway_mode_info", "hintway_probe_failures_total", "hintway_configuration_refusals_total"],
  "llm_d_epp_ready_endpoints",
];

it("alerts and dashboard count once what every replica tells", () => {
  for (const name of TOLD_BY_EVERY_REPLICA) {
    const once = new RegExp(`max(?: by \\([a-z, ]+\\) )?\\((?:(?:rate|increase)\\()?${name}\\b`);
    const using = asked().filter((expression) => new RegExp(`${name}\\b`).test(expression));
    expect(using, name).not.toEqual([]);
    for (const expression of using) expect(expression).toMatch(once);
  }
});

it("every value of the chart has a comment above or beside it", () => {
  const lines = readFileSync(`${CHART}/../values.yaml`, "utf8").split("\n");
  const isComment = (line: string | undefined) => /^ *#/.test(line ?? "");
  const values = lines.flatMap((line, at) => (/^ *\w+: [^#]/.test(line) ? [at] : []));
  expect(values.length).toBeGreaterThan(40);
  const bare = values.filter((at) => !isComment(lines[at - 1]) && !lines[at]?.includes(" #"));
  expect(bare.map((at) => lines[at])).toEqual([]);
});

/** The folders and files that the stages of the image take from the project; the last one's apart. */
function copied(): { all: string[]; last: string[] } {
  const stages = readFileSync(projectPath("deploy", "images", "Containerfile"), "utf8").split(
    "FROM ",
  );
  const of = (stage: string) =>
    [...stage.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names]) => names!.split(" "));
  return { all: stages.flatMap(of), last: of(stages.at(-1) ?? "") };
}

/** The program and what it imports of the project, by path in it. */
function imported(program: string, found = new Set<string>()): Set<string> {
  if (found.has(program)) return found;
  found.add(program);
  const source = readFileSync(projectPath(program), "utf8");
  for (const [, path] of source.matchAll(/(?:from |import |import\()"(\.[^"]+)"/g)) {
    imported(join(dirname(program), path!), found);
  }
  return found;
}

it("every folder that goes into the image exists", () => {
  expect(copied().all).toContain("control-plane");
  for (const name of copied().all) expect(existsSync(projectPath(name)), name).toBe(true);
});

it("the image holds all that its two programs import", () => {
  const folders = copied().last;
  for (const program of ["control-plane/main.ts", "simulator/main.ts"]) {
    const paths = [...imported(program)];
    expect(paths.length).toBeGreaterThan(10);
    const left = paths.filter((path) => !folders.some((name) => path.startsWith(`${name}/`)));
    expect(left).toEqual([]);
  }
});

it("the chart runs programs that the image has", () => {
  const templates = ["control-plane.yaml", "model-servers.yaml"].map((name) =>
    readFileSync(`${CHART}/../templates/${name}`, "utf8"),
  );
  const programs = templates.flatMap((template) => template.match(/[\w-]+\/main\.ts/g) ?? []);
  expect(new Set(programs)).toEqual(new Set(["control-plane/main.ts", "simulator/main.ts"]));
});

it("each gateway of the chart takes the filter's own headers from clients first", () => {
  const listed = "earlyRequestHeaders: { remove: [";
  const template = readFileSync(`${CHART}/../templates/envoy-gateway.yaml`, "utf8");
  const removed = template.split(listed)[1]?.split("]")[0]?.split(", ");
  expect(removed).toEqual([DESTINATION_HEADER, CLUSTER_HEADER]);
  for (const name of ["envoy.yaml", "istio-patches.yaml"]) {
    for (const header of [DESTINATION_HEADER, CLUSTER_HEADER]) {
      expect(text(name), name).toContain(`- remove: ${header}\n`);
    }
  }
});
