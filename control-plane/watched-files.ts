// The files that an operator may change while this process runs: tokens, certificate, configurations, pools.
import { type Configuration, parseConfiguration } from "./config/configuration.ts";
import { parseSettings } from "./config/settings-document.ts";
import type { ControlPlane } from "./control-plane.ts";
import type { DiscoveredPool } from "./discovery/discovered.ts";
import { endpointsFromFlag } from "./discovery/file.ts";
import type { LastGoodFiles } from "./discovery/last-good.ts";
import { PoolFiles } from "./discovery/pool-files.ts";
import { type Parser, readFileAs, watchFile } from "./discovery/watched-file.ts";
import type { HintwayError } from "./errors.ts";
import { readFilter } from "./http/filter-route.ts";
import { type Certificate, certificateFiles, readCertificate, type Tls } from "./http/tls.ts";
import { parseTokenFile, type Tokens } from "./http/tokens.ts";
import { fileLabel, type NamedFile } from "./named-file.ts";
import type { Options } from "./options.ts";
import { checkSharedState } from "./replicas/state-flags.ts";
import { adjustableOf } from "./settings.ts";

/** Throws what is wrong with the first flag or file that could not be used. */
export async function checkFiles(options: Options): Promise<void> {
  const { tokenFile, endpoints, pool, poolName, config, settings, filter } = options;
  checkSharedState(options);
  if (filter !== undefined) await readFilter(filter);
  const certificate = certificateFiles(options);
  if (certificate !== undefined) readCertificate(certificate);
  await readFileAs(tokenFile, parseTokenFile);
  for (const { path } of config) await readFileAs(path, parseConfiguration);
  if (settings !== undefined) await readFileAs(settings, parseSettings);
  const pools = new PoolFiles(poolName);
  for (const file of pool) pools.replace(file, await readFileAs(file.path, pools.parser(file)));
  if (endpoints !== undefined) endpointsFromFlag(endpoints);
}

export interface Watched {
  controlPlane: ControlPlane;
  tokens: Tokens;
  tls: Tls | undefined;
  options: Options;
  lastGood: LastGoodFiles | undefined;
}

interface Watch {
  stop(): void;
}

/** Reads the files a first time, or throws; from then on their changes take effect. */
export async function watchFiles(watched: Watched): Promise<Watch[]> {
  const watches = [await watchTokens(watched), ...(await watchCertificate(watched))];
  for (const file of watched.options.config) watches.push(await watchConfiguration(watched, file));
  if (watched.options.settings !== undefined) {
    watches.push(await watchSettings(watched, watched.options.settings));
  }
  // Pools of a cluster are in no file.
  if (watched.options.kubernetes) return watches;
  return [...watches, ...(await watchPools(watched))];
}

/** A token that was taken out of its file must not come back: no copy of it is kept. */
function watchTokens({ controlPlane, tokens, options }: Watched): Promise<Watch> {
  return watchFile(options.tokenFile, parseTokenFile, {
    changed: (listed) => {
      tokens.replace(listed);
      controlPlane.series.access.tokensReplaced();
      controlPlane.accept("token", { tokens: listed.length });
    },
    refused: (error) => controlPlane.refuse("token", error),
  });
}

/** Both files are read when either changes; until they belong together, those in force stay. */
function watchCertificate({ controlPlane, tls, options }: Watched): Promise<Watch[]> {
  const files = certificateFiles(options);
  if (files === undefined || tls === undefined) return Promise.resolve([]);
  let isRefused = false;
  const listener = {
    changed: (certificate: Certificate) => {
      const isNews = tls.replace(certificate);
      if (isNews || isRefused) controlPlane.accept("tls", { path: files.cert });
      isRefused = false;
    },
    refused: (error: HintwayError) => {
      isRefused = true;
      controlPlane.refuse("tls", error);
    },
  };
  const read = () => readCertificate(files);
  return Promise.all([files.cert, files.key].map((path) => watchFile(path, read, listener)));
}

function watchConfiguration(watched: Watched, file: NamedFile): Promise<Watch> {
  return watchNamed(watched, "config", file, parseConfiguration, (configuration) => {
    const { poolName } = file;
    if (poolName === undefined) watched.controlPlane.configure(configuration);
    else watched.controlPlane.configurePool(poolName, configuration);
    return shownOf(configuration);
  });
}

/** What the file leaves out is as the flags say. */
function watchSettings(watched: Watched, path: string): Promise<Watch> {
  const file = { poolName: undefined, path };
  return watchNamed(watched, "settings", file, parseSettings, (given) => {
    watched.controlPlane.adjust(adjustableOf({ ...watched.options, ...given }));
    return { settings: Object.keys(given) };
  });
}

function shownOf({ scheduling, warnings }: Configuration): object {
  const profiles = scheduling.profiles.map(({ name, steps }) => ({
    profile: name,
    steps: steps.map((step) => step.plugin),
  }));
  return { profiles, warnings };
}

async function watchPools(watched: Watched): Promise<Watch[]> {
  const { controlPlane, options } = watched;
  const { pool: files, poolName: name, endpoints } = options;
  if (files.length === 0) {
    const listed = endpoints === undefined ? [] : endpointsFromFlag(endpoints);
    controlPlane.discoverPools([{ name, endpoints: listed }]);
    return [];
  }
  const pools = new PoolFiles(name);
  const watches: Watch[] = [];
  for (const file of files) {
    const changed = (listed: DiscoveredPool[]) => {
      pools.replace(file, listed);
      // Half of what there is would drain the other half.
      if (pools.count === files.length) controlPlane.discoverPools(pools.all());
      const counts = listed.map((pool) => pool.endpoints.length);
      return { pools: listed.length, endpoints: counts.reduce((sum, count) => sum + count, 0) };
    };
    watches.push(await watchNamed(watched, "pool", file, pools.parser(file), changed));
  }
  return watches;
}

/** `changed` takes the value and answers what is told of it. */
function watchNamed<T>(
  { controlPlane, lastGood }: Watched,
  flag: string,
  file: NamedFile,
  parse: Parser<T>,
  changed: (value: T) => object,
): Promise<Watch> {
  const label = fileLabel(flag, file);
  const listener = {
    changed: (value: T) => controlPlane.accept(label, { path: file.path, ...changed(value) }),
    refused: (error: HintwayError) => controlPlane.refuse(label, error),
  };
  return watchFile(file.path, parse, listener, lastGood);
}
