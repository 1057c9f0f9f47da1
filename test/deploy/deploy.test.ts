import { existsSync, readFileSync } from "node:fs";
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
  const figures = { generation: "", gateways: 0, heldPolls: 0, indexKeys: 0, pools: [] };
  const page = await new Series(() => figures).text();
  const names = [...page.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Set(
    names.flatMap(([, name, type]) => (type === "histogram" ? [`${name}_bucket`] : [name!])),
  );
}

it("alerts and dashboard ask for series that the control plane has", async () => {
  const known = await seriesNames();
  const rules = parse(text("alerts.yaml")).groups.flatMap(
    (group: { rules: object[] }) => group.rules,
  );
  const panels = JSON.parse(text("dashboard.json")).panels as { targets: { expr: string }[] }[];
  const asked = [
    ...rules.map((rule: { expr: string }) => rule.expr),
    ...panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ];
  expect(asked.length).toBeGreaterThan(15);
  for (const expression of asked) {
    const names = expression.match(/hintway_\w+/g) ?? [];
    expect(names).not.toEqual([]);
    for (const name of names) expect(known, expression).toContain(name);
  }
});

it("every folder that goes into the image exists", () => {
  const file = readFileSync(projectPath("deploy", "images", "Containerfile"), "utf8");
  const copied = [...file.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, names]) =>
    names!.split(" "),
  );
  expect(copied).toContain("control-plane");
  for (const name of copied) expect(existsSync(projectPath(name)), name).toBe(true);
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
