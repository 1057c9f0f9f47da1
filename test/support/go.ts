// Go, as far as tests use it: programs and files of published modules.

import { spawnSync } from "node:child_process";

/** Runs Go and answers what it printed; its errors go where this process's go. */
export function go(words: string[], folder: string, environment: NodeJS.ProcessEnv = {}): string {
  const run = spawnSync("go", words, {
    cwd: folder,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
    env: {
      ...{ ...process.env, CGO_ENABLED: "0", GOFLAGS: "-p=2 -mod=mod -buildvcs=false" },
      ...environment,
    },
  });
  if (run.status === 0) return run.stdout;
  const how = run.error?.message ?? `exit code ${run.status}`;
  throw new Error(`go ${words[0]} failed in ${folder}: ${how}. Install Go 1.25 or later`);
}

/** The folder of a published module's files, which are read-only. */
export function moduleFolder(module: string, version: string, folder: string): string {
  const answer = go(["mod", "download", "-json", `${module}@${version}`], folder);
  return (JSON.parse(answer) as { Dir: string }).Dir;
}
