import { spawnSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { type BootstrapOptions, bootstrap } from "../../envoy/bootstrap.ts";
import { rendered } from "../../envoy/render.ts";
import { FALLBACKS_MAX, FALLBACKS_STANDARD } from "../../protocol/limits.ts";

const PROJECT = join(import.meta.dirname, "..", "..");

const OPTIONS: BootstrapOptions = {
  attachment: "pause",
  listen: { host: "127.0.0.1", port: 1 },
  admin: { host: "127.0.0.1", port: 2 },
  controlPlane: { host: "127.0.0.1", port: 3 },
  token: "secret-token",
  filterPath: "build/filter.wasm",
  gateway: "gateway",
};

describe("the program that writes them", () => {
  const run = (...options: string[]) =>
    spawnSync(process.execPath, [join(PROJECT, "envoy", "render.ts"), ...options], {
      encoding: "utf8",
    });

  it("tells what it writes when it is asked for help, and refuses other options", () => {
    const paths = [...rendered().keys()].map((path) => join(PROJECT, path));
    const times = () => paths.map((path) => statSync(path).mtimeMs);
    const before = times();
    const { status, stdout } = run("--help");
    expect([status, stdout]).toEqual([0, expect.stringContaining("envoy/pause.yaml")]);
    const refused = run("--out=/elsewhere");
    expect([refused.status, refused.stderr]).toEqual([1, expect.stringContaining("--out=")]);
    expect(times()).toEqual(before);
  });
});

describe("the configurations that run as they stand", () => {
  it.each([...rendered()])("%s is what envoy/render.ts writes", (path, text) => {
    expect(readFileSync(join(PROJECT, path), "utf8")).toBe(text);
  });

  it("differ between pause and its twin in nothing but the filter", () => {
    const pause = parse(rendered().get("envoy/pause.yaml") ?? "");
    const twin = parse(rendered().get("envoy/without-filter.yaml") ?? "");
    const manager = pause.static_resources.listeners[0].filter_chains[0].filters[0];
    const removed = manager.typed_config.http_filters.shift();
    expect(removed.name).toBe("hintway");
    expect(pause).toEqual(twin);
  });

  it("let Envoy retry on as many endpoints as the filter names after its pick", () => {
    const retries = (fallbacks?: number) => {
      const text = JSON.stringify(bootstrap({ ...OPTIONS, ...(fallbacks ? { fallbacks } : {}) }));
      return [...text.matchAll(/"num_retries":(\d+)/g)].map(([, count]) => Number(count));
    };
    expect(new Set(retries())).toEqual(new Set([FALLBACKS_STANDARD]));
    expect(new Set(retries(FALLBACKS_MAX))).toEqual(new Set([FALLBACKS_MAX]));
  });

  it("hold no token in the filter's configuration", () => {
    const configuration = bootstrap(OPTIONS);
    const listeners = (configuration["static_resources"] as { listeners: unknown }).listeners;
    expect(JSON.stringify(listeners)).not.toContain("secret-token");
  });
});
