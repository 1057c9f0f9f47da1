// Builds llm-d's own simulator of model servers from its Go module. Some minutes the first time, then
// nothing. The module is built in a copy of its own, with the versions that its authors chose.

import { cpSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../../../start/lock.ts";
import { temporaryFolder } from "../components.ts";
import { go, moduleFolder } from "../go.ts";
import { CACHE, missingPeers, SIMULATOR, SIMULATOR_MODULE, SIMULATOR_VERSION } from "./assets.ts";

const launch = {
  say: (line: string) => console.log(line),
  signal: new AbortController().signal,
};
mkdirSync(CACHE, { recursive: true });
await withLock(join(CACHE, "lock"), launch, async () => {
  if (missingPeers()) build();
});

function build(): void {
  console.log(`Building ${SIMULATOR_MODULE} ${SIMULATOR_VERSION} from its Go module …`);
  const folder = join(temporaryFolder(), "simulator");
  // A module's files are read-only, and so would be the copies: the mode is not kept.
  cpSync(moduleFolder(SIMULATOR_MODULE, SIMULATOR_VERSION, CACHE), folder, { recursive: true });
  const fresh = `${SIMULATOR}.${process.pid}`;
  const program = "./cmd/llm-d-inference-sim";
  go(["build", "-trimpath", "-ldflags", "-s -w", "-o", fresh, program], folder, { GOWORK: "off" });
  renameSync(fresh, SIMULATOR);
  rmSync(folder, { recursive: true, force: true });
}
