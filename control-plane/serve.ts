// The control plane as a process: flags, files, signals.

import { flushCompileCache } from "node:module";
import closeWithGrace from "close-with-grace";
import { CommanderError } from "commander";
import { defaultConfiguration } from "./config/configuration.ts";
import { ControlPlane } from "./control-plane.ts";
import type { Cluster } from "./discovery/kubernetes/cluster.ts";
import { LastGoodFiles } from "./discovery/last-good.ts";
import { flagInvalid, HintwayError, portTaken } from "./errors.ts";
import type { followCluster } from "./follow-cluster.ts";
import { createApp } from "./http/app.ts";
import { readFilter } from "./http/filter-route.ts";
import { LastKnownFile, readLastKnown } from "./http/last-known.ts";
import { certificateFiles, readCertificate, Tls } from "./http/tls.ts";
import { Tokens } from "./http/tokens.ts";
import { type Options, readOptions } from "./options.ts";
import { sharedStateOf } from "./replicas/state-flags.ts";
import { adjustableOf } from "./settings.ts";
import { checkFiles, watchFiles } from "./watched-files.ts";

const CLOSE_MS = 5000;

try {
  await run(readOptions(process.argv.slice(2)));
} catch (error) {
  // Commander has said already what is wrong with the flags.
  if (error instanceof HintwayError) process.stderr.write(`error: ${error.message}\n`);
  else if (!(error instanceof CommanderError)) throw error;
  process.exitCode = error instanceof CommanderError ? error.exitCode : 1;
}

async function run(options: Options): Promise<void> {
  if (options.check) {
    await checkFiles(options);
    process.stdout.write("Flags and files are right.\n");
    return;
  }
  const { stateDir } = options;
  const lastKnown = stateDir === undefined ? null : new LastKnownFile(stateDir);
  const known = stateDir === undefined ? null : await readLastKnown(stateDir);
  const controlPlane = new ControlPlane({
    ...adjustableOf(options),
    configuration: defaultConfiguration(),
    state: sharedStateOf(options),
    lastKnownSlots: known?.slots ?? [],
    lastKnownBlockBytes: known?.blockBytes ?? null,
    now: () => performance.now(),
    random: Math.random,
    onTable: () => lastKnown?.outdated(),
  });
  const tokens = new Tokens();
  const files = certificateFiles(options);
  const tls = files && new Tls(readCertificate(files));
  const app = createApp(controlPlane, {
    tokens,
    attachment: options.attachment,
    tls,
    filter: options.filter === undefined ? undefined : await readFilter(options.filter),
    logger: { level: options.logLevel },
  });
  controlPlane.log = app.log;
  lastKnown?.follow(controlPlane, app.log);
  const lastGood = stateDir === undefined ? undefined : new LastGoodFiles(stateDir, app.log);
  const watches = await watchFiles({ controlPlane, tokens, tls, options, lastGood });
  const cluster = options.kubernetes ? await inCluster(controlPlane, options, lastGood) : null;
  await listen(app, options);
  controlPlane.start();
  // Not only at its end, which may be a crash.
  flushCompileCache();
  closeWithGrace({ delay: CLOSE_MS, logger: app.log }, async ({ err }) => {
    if (err) app.log.error(err);
    for (const watch of watches) watch.stop();
    await cluster?.stop();
    await app.close();
    await controlPlane.stop();
    await Promise.all([lastKnown?.stop(), lastGood?.written()]);
  });
}

/** What speaks to the API server takes 90 MB and most of a second: others do not load it. */
async function inCluster(...parameters: Parameters<typeof followCluster>): Promise<Cluster> {
  const { followCluster } = await import("./follow-cluster.ts");
  return followCluster(...parameters);
}

async function listen(app: ReturnType<typeof createApp>, { host, port }: Options): Promise<void> {
  try {
    await app.listen({ host, port });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "EADDRINUSE") throw portTaken("--port", port, cause);
    if (code !== "EADDRNOTAVAIL" && code !== "ENOTFOUND" && code !== "EACCES") throw cause;
    throw flagInvalid(
      "--host",
      host,
      `cannot listen there (${code}); name an address of this host`,
    );
  }
}
