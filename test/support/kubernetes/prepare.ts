// Gets what the tests against a real API server need: etcd and kube-apiserver, built from their Go
// modules, and the CRDs, which are files of one. About seven minutes the first time, then nothing.

import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../../../start/lock.ts";
import { projectPath } from "../../../start/project.ts";
import { temporaryFolder } from "../components.ts";
import { isExecutable } from "../executable.ts";
import { go, moduleFolder } from "../go.ts";
import { BINARIES, CACHE, CRDS, findAssets } from "./assets.ts";

const CRD_MODULE = "sigs.k8s.io/gateway-api-inference-extension";
const MODULES = projectPath("test", "support", "kubernetes", "modules");
const PACKAGES = {
  etcd: "go.etcd.io/etcd/server/v3",
  "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
};

const launch = {
  say: (line: string) => console.log(line),
  signal: new AbortController().signal,
};
if ("missing" in findAssets()) {
  await withLock(join(CACHE, "lock"), launch, async () => prepare());
}

function prepare(): void {
  if (!process.env["KUBEBUILDER_ASSETS"]) {
    for (const name of BINARIES) if (!isExecutable(join(CACHE, name))) build(name);
  }
  mkdirSync(join(CACHE, "crds"), { recursive: true });
  for (const { version, file } of CRDS) fetchCrd(version, file);
}

function build(name: (typeof BINARIES)[number]): void {
  console.log(`Building ${name} from its Go module …`);
  const folder = join(temporaryFolder(), name);
  cpSync(join(MODULES, name), folder, { recursive: true });
  const flags = ["-s", "-w", ...versionFlags(folder)].join(" ");
  const fresh = join(CACHE, `${name}.${process.pid}`);
  go(["build", "-trimpath", "-ldflags", flags, "-o", fresh, PACKAGES[name]], folder);
  renameSync(fresh, join(CACHE, name));
  rmSync(folder, { recursive: true });
}

/** The API server refuses to start without knowing its own version. */
function versionFlags(folder: string): string[] {
  const module = readFileSync(join(folder, "go.mod"), "utf8");
  const [, version, minor] = /k8s\.io\/kubernetes v(1\.(\d+)\.\d+)/.exec(module) ?? [];
  if (!version) return [];
  const values = {
    gitVersion: `v${version}`,
    ...{ gitMajor: "1", gitMinor: minor, gitTreeState: "clean", gitCommit: "unknown" },
    buildDate: "1970-01-01T00:00:00Z",
  };
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((pack) =>
    Object.entries(values).map(([name, value]) => `-X ${pack}.${name}=${value}`),
  );
}

function fetchCrd(version: string, file: string): void {
  const folder = moduleFolder(CRD_MODULE, version, CACHE);
  // Not copied: modules are read-only, and their files' copies would be too.
  writeFileSync(
    join(CACHE, "crds", file),
    readFileSync(join(folder, "config", "crd", "bases", file)),
  );
}
