// The control plane as a process: flags, files, signals.
import closeWithGrace from "close-with-grace";
import { CommanderError } from "commander";
import { defaultConfiguration, parseConfiguration } from "./config/configuration.ts";
import { ControlPlane } from "./control-plane.ts";
import { endpointsFromFlag, parsePoolFile, watchFile } from "./discovery/file.ts";
import { flagInvalid, HintwayError, portTaken } from "./errors.ts";
import { createApp } from "./http/app.ts";
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
  const { stateDir } = options;
  const lastKnown = stateDir === undefined ? null : new LastKnownFile(stateDir);
  const known = stateDir === undefined ? null : await readLastKnown(stateDir);
  const controlPlane = new ControlPlane({
    poolName: options.poolName,
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
    logger: { level: options.logLevel },
  });
  controlPlane.log = app.log;
  lastKnown?.follow(controlPlane, app.log);
  const watches = await watchFiles(controlPlane, tokens, options);
  await listen(app, options);
  controlPlane.start();
  closeWithGrace({ delay: CLOSE_MS, logger: app.log }, async ({ err }) => {
    if (err) app.log.error(err);
    for (const watch of watches) watch.stop();
    await app.close();
    await controlPlane.stop();
    await lastKnown?.stop();
  });
}

/** Reads the files a first time, or throws; from then on their changes take effect. */
async function watchFiles(
  controlPlane: ControlPlane,
  tokens: Tokens,
  { tokenFile, endpoints, pool, config }: Options,
): Promise<{ stop(): void }[]> {
  const watches: { stop(): void }[] = [];
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
    watches.push(
      await watchFile(config, parseConfiguration, {
        changed: (configuration) => controlPlane.configure(configuration),
        refused: (error) => controlPlane.refuse("config", error),
      }),
    );
  }
  if (pool !== undefined) {
    watches.push(
      await watchFile(pool, parsePoolFile, {
        changed: (listed) => controlPlane.discover(listed),
        refused: (error) => controlPlane.refuse("pool", error),
      }),
    );
  } else {
    controlPlane.discover(endpoints === undefined ? [] : endpointsFromFlag(endpoints));
  }
  return watches;
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
