// A network of the run's own. The reference picker listens on all addresses, and its model servers
// must share a port, so a run with it takes place where nobody else is.

import { spawnSync } from "node:child_process";
import { StartError } from "../../start/start-error.ts";

const MARK = "HINTWAY_BENCH_NETWORK";

export function isPrivateNetwork(): boolean {
  return process.env[MARK] === "private";
}

/**
 * Runs this same command again in a network namespace and answers its exit code. Root needs nothing
 * for it; others need user namespaces.
 */
export function runInPrivateNetwork(environment: { [name: string]: string }): number {
  const mapping = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const script = 'ip link set lo up && exec "$@"';
  const run = spawnSync(
    "unshare",
    [
      ...mapping,
      "--net",
      "--",
      "sh",
      "-c",
      script,
      "sh",
      process.execPath,
      ...process.argv.slice(1),
    ],
    { stdio: "inherit", env: { ...process.env, ...environment, [MARK]: "private" } },
  );
  if (run.error) {
    throw new StartError(
      `A network of the run's own cannot be made: ${run.error.message}`,
      "Install unshare (util-linux) and ip (iproute2), or leave --picker out.",
      run.error,
    );
  }
  return run.status ?? 1;
}
