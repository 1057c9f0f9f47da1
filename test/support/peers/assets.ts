// Where the official simulator of llm-d is, once `npm run test:peers` has built it.

import { join } from "node:path";
import { cacheFolder } from "../../../start/cache-folder.ts";
import { isExecutable } from "../executable.ts";

export const SIMULATOR_MODULE = "github.com/llm-d/llm-d-inference-sim";
export const SIMULATOR_VERSION = "v0.10.2";
export const CACHE = join(cacheFolder(process.env), "peers");

/** Of the version, so that another one is built anew. */
export const SIMULATOR = join(CACHE, `llm-d-inference-sim-${SIMULATOR_VERSION}`);

/** Whether the long tests run, and an absent binary is a failure. */
export const isWhole = process.env["TEST_PEERS"] === "whole";

/** Undefined when it is there; else what is missing, and where it comes from. */
export function missingPeers(): string | undefined {
  if (isExecutable(SIMULATOR)) return undefined;
  return `no ${SIMULATOR}; \`npm run test:peers\` builds it`;
}
