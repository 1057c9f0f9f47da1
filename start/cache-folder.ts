import { homedir } from "node:os";
import { join } from "node:path";
import type { Environment } from "./options.ts";

/** Where what is fetched once is kept: $XDG_CACHE_HOME/hintway, or ~/.cache/hintway. */
export function cacheFolder(environment: Environment): string {
  return join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "hintway");
}
