// Gets what the chart's tests need: helm, built from its Go module, and CRDs, which are files of others.

import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HELM, HELM_VERSION } from "../../../deploy/helm.ts";
import { withLock } from "../../../start/lock.ts";
import { temporaryFolder } from "../components.ts";
import { isExecutable } from "../executable.ts";
import { go, moduleFolder } from "../go.ts";
import { CACHE, CRD_MODULES, copyOf } from "./assets.ts";

const HELM_PACKAGE = `helm.sh/helm/v3/cmd/helm@${HELM_VERSION}`;

const launch = {
  say: (line: string) => console.log(line),
  signal: new AbortController().signal,
};
mkdirSync(CACHE, { recursive: true });
await withLock(join(CACHE, "lock"), launch, async () => {
  if (!isExecutable(HELM)) buildHelm();
  for (const { module, version, files } of CRD_MODULES) {
    const folder = moduleFolder(module, version, CACHE);
    for (const file of files) {
      writeFileSync(copyOf(version, file), readFileSync(join(folder, file)));
    }
  }
});

function buildHelm(): void {
  console.log("Building helm from its Go module …");
  const folder = temporaryFolder();
  go(["install", HELM_PACKAGE], folder, { GOBIN: folder });
  renameSync(join(folder, "helm"), HELM);
  rmSync(folder, { recursive: true });
}
