// The control plane as a process: flags, files, signals.

import { flushCompileCache } from "node:module";
import closeWithGrace from "close-with-grace";
import { CommanderError } from "commander";
import {
  type Configuration,
  defaultConfiguration,
  parseConfiguration,
} from "./config/configuration.ts";
import { ControlPlane } from "./control-plane.ts";
import type { DiscoveredEndpoint } from "./discovery/discovered.ts";
import { endpointsFromFlag, parsePoolFile } from "./discovery/file.ts";
import { LastGoodFiles } from "./discovery/last-good.ts";
import { type FileListener, readFileAs, watchFile } from "./discovery/watched-file.ts";
import { flagInvalid, HintwayError, portTaken } from "./errors.ts";
import { createApp } from "./http/app.ts";
import { readFilter } from "./http/filter-route.ts";
import { LastKnownFile, readLastKnown } from "./http/last-known.ts";
import { parseTokenFile, Tokens } from "./http/tokens.ts";
import { type Options, readOptions } from "./options.ts";
import { settingsOf } from "./settings.ts";

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
  if (options.check) return checkFiles(options);
  const { stateDir } = options;
  const lastKnown = stateDir === undefined ? null : new LastKnownFile(stateDir);
  const known = stateDir === undefined ? null : await readLastKnown(stateDir);
  const controlPlane = new ControlPlane({
    blockBytes: options.blockBytes,
    configuration: defaultConfiguration(),
    settings: settingsOf(options),
    probe: { periodMs: options.probePeriodMs, timeoutMs: options.probeTimeoutMs },
    lastKnownSlots: known?.slots ?? [],
    lastKnownBlockBytes: known?.blockBytes ?? null,
    now: () => performance.now(),
    random: Math.random,
    onTable: () => lastKnown?.outdated(),
  });
  const tokens = new Tokens();
  const app = createApp(controlPlane, {
    tokens,
    attachment: options.attachment,
    filter: options.filter === undefined ? undefined : await readFilter(options.filter),
    logger: { level: options.logLevel },
  });
  controlPlane.log = app.log;
  lastKnown?.follow(controlPlane, app.log);
  const lastGood = stateDir === undefined ? undefined : new LastGoodFiles(stateDir, app.log);
  const watches = await watchFiles({ controlPlane, tokens, options, lastGood });
  await listen(app, options);
  controlPlane.start();
  // Not only at its end, which may be a crash.
  flushCompileCache();
  closeWithGrace({ delay: CLOSE_MS, logger: app.log }, async ({ err }) => {
    if (err) app.log.error(err);
    for (const watch of watches) watch.stop();
    await app.close();
    await controlPlane.stop();
    await Promise.all([lastKnown?.stop(), lastGood?.written()]);
  });
}

/** Throws what is wrong with the first file that could not be used. */
async function checkFiles(options: Options): Promise<void> {
  const { tokenFile, endpoints, pool, config, filter } = options;
  if (filter !== undefined) await readFilter(filter);
  await readFileAs(tokenFile, parseTokenFile);
  if (config !== undefined) await readFileAs(config, parseConfiguration);
  if (pool !== undefined) await readFileAs(pool, parsePoolFile);
  if (endpoints !== undefined) endpointsFromFlag(endpoints);
}

interface Watched {
  controlPlane: ControlPlane;
  tokens: Tokens;
  options: Options;
  lastGood: LastGoodFiles | undefined;
}

/** Reads the files a first time, or throws; from then on their changes take effect. */
async function watchFiles(watched: Watched): Promise<{ stop(): void }[]> {
  const { controlPlane, tokens, options, lastGood } = watched;
  const { tokenFile, endpoints, pool, poolName: name, config } = options;
  const watches: { stop(): void }[] = [];
  // A token that was taken out of its file must not come back: no copy of it is kept.
  watches.push(
    await watchFile(tokenFile, parseTokenFile, {
      changed: (listed) => {
        tokens.replace(listed);
        controlPlane.accept("token", { tokens: listed.length });
      },
      refused: (error) => controlPlane.refuse("token", error),
    }),
  );
  if (config !== undefined) {
    const listener: FileListener<Configuration> = {
      changed: (configuration) => {
        controlPlane.configure(configuration);
        controlPlane.accept("config", shownOf(configuration));
      },
      refused: (error) => controlPlane.refuse("config", error),
    };
    watches.push(await watchFile(config, parseConfiguration, listener, lastGood));
  }
  if (pool !== undefined) {
    const listener: FileListener<DiscoveredEndpoint[]> = {
      changed: (listed) => {
        controlPlane.discoverPools([{ name, endpoints: listed }]);
        controlPlane.accept("pool", { endpoints: listed.length });
      },
      refused: (error) => controlPlane.refuse("pool", error),
    };
    watches.push(await watchFile(pool, parsePoolFile, listener, lastGood));
  } else {
    const listed = endpoints === undefined ? [] : endpointsFromFlag(endpoints);
    controlPlane.discoverPools([{ name, endpoints: listed }]);
  }
  return watches;
}

function shownOf({ scheduling, warnings }: Configuration): object {
  const profiles = scheduling.profiles.map(({ name, steps }) => ({
    profile: name,
    steps: steps.map((step) => step.plugin),
  }));
  return { profiles, warnings };
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
