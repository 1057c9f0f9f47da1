// Builds Istio and Envoy Gateway from their Go modules, for the tests of the chart's attachments to
// them. A quarter of an hour on two cores the first time, then nothing.

import {
  chmodSync,
  cpSync,
  globSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { withLock } from "../../../start/lock.ts";
import { temporaryFolder } from "../components.ts";
import { isExecutable } from "../executable.ts";
import { go, moduleFolder } from "../go.ts";
import {
  CACHE,
  ENVOY_GATEWAY,
  ENVOY_GATEWAY_VERSION,
  ISTIO_AGENT,
  ISTIO_BOOTSTRAP,
  ISTIO_VERSION,
  ISTIOD,
} from "./assets.ts";

interface Build {
  module: string;
  version: string;
  /** What its go.mod is to require instead. */
  requires: string[];
  flags: string[];
  /** By the binary's path, its package in the module. */
  binaries: { [path: string]: string };
}

const ISTIO: Build = {
  ...{ module: "istio.io/istio", version: ISTIO_VERSION },
  // Of the commit that Istio names, the module proxy has no archive; of the release it has.
  requires: [`istio.io/client-go@v${ISTIO_VERSION}`, `istio.io/api@v${ISTIO_VERSION}`],
  flags: ["-tags", "vtprotobuf,disable_pgv", "-ldflags", istioLinks()],
  binaries: { [ISTIOD]: "./pilot/cmd/pilot-discovery", [ISTIO_AGENT]: "./pilot/cmd/pilot-agent" },
};

const ENVOY_GATEWAY_BUILD: Build = {
  ...{ module: "github.com/envoyproxy/gateway", version: ENVOY_GATEWAY_VERSION, requires: [] },
  flags: ["-ldflags", "-s -w"],
  binaries: { [ENVOY_GATEWAY]: "./cmd/envoy-gateway" },
};

const launch = {
  say: (line: string) => console.log(line),
  signal: new AbortController().signal,
};
mkdirSync(CACHE, { recursive: true });
await withLock(join(CACHE, "lock"), launch, async () => {
  build(ISTIO, (folder) => {
    const template = join(folder, "tools", "packaging", "common", "envoy_bootstrap.json");
    writeFileSync(ISTIO_BOOTSTRAP, readFileSync(template));
  });
  build(ENVOY_GATEWAY_BUILD);
});

/**
 * In a copy of the module: what its go.mod replaces holds only where it is the main module. `finish` takes
 * what else it has. The binaries are put in place last: where they are, all is.
 */
function build(what: Build, finish: (folder: string) => void = () => {}): void {
  const { module, version, requires, flags, binaries } = what;
  if (Object.keys(binaries).every(isExecutable)) return;
  console.log(`Building ${module} ${version} from its Go module …`);
  const folder = join(temporaryFolder(), "module");
  cpSync(moduleFolder(module, version, CACHE), folder, { recursive: true });
  // Modules are read-only, and so is their copy.
  makeWritable(folder);
  for (const requirement of requires) go(["mod", "edit", `-require=${requirement}`], folder);
  for (const [path, pack] of Object.entries(binaries)) {
    go(["build", "-trimpath", ...flags, "-o", freshOf(path), pack], folder);
  }
  finish(folder);
  for (const path of Object.keys(binaries)) renameSync(freshOf(path), path);
  rmSync(folder, { recursive: true });
}

function freshOf(path: string): string {
  return `${path}.${process.pid}`;
}

function makeWritable(folder: string): void {
  const folders = globSync("**/", { cwd: folder }).map((name) => join(folder, name));
  for (const path of [folder, ...folders, join(folder, "go.mod"), join(folder, "go.sum")]) {
    chmodSync(path, 0o755);
  }
}

/** istiod configures an Envoy by the version that the agent tells. */
function istioLinks(): string {
  const version = "istio.io/istio/pkg/version";
  return `-s -w -X ${version}.buildVersion=${ISTIO_VERSION} -X ${version}.buildStatus=Clean`;
}
