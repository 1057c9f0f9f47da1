// What is asked of each endpoint, and where.
import type { ProbeTarget } from "../engines/probe.ts";
import type { Pools } from "./pools.ts";
import { bootstrapUrl } from "./roles.ts";

/** `connector`: of endpoints that have none of their own. */
export function probeTargets(pools: Pools, connector: number): ProbeTarget[] {
  // With one pool there is no choice: models are not asked for.
  const hasChoice = [...pools].length > 1;
  return [...pools].flatMap((pool) => {
    const { configuration, tls } = pool;
    const { metrics } = configuration;
    const scheme = tls === null ? "http" : "https";
    return [...pool.endpoints()].map(({ address, discovered }) => {
      const enginesUrl = bootstrapUrl(discovered, connector);
      return {
        ...{ key: address, tls },
        url: metrics.urlOf(address, scheme),
        ...(hasChoice ? { modelsUrl: `${scheme}://${address}/v1/models` } : {}),
        ...(enginesUrl === undefined ? {} : { enginesUrl }),
        engine: metrics.engineOf(discovered.labels),
      };
    });
  });
}
