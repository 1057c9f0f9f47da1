import { expect, it } from "vitest";
import { defaultConfiguration } from "../../control-plane/config/configuration.ts";
import { poolCluster } from "../../control-plane/http/clusters.ts";
import { Pools } from "../../control-plane/pool/pools.ts";
import { namedDestination, originalDestinationCluster } from "../../envoy/clusters.ts";

/** The two rooms may not read each other, and have to tell Envoy the same of pools. */
function discovered(attachment: "pause" | "buffer") {
  const blocks = { bytesMin: 1024, lastKnownBytes: null, keysMax: 1000 };
  const pools = new Pools(blocks, defaultConfiguration());
  pools.discover([{ name: "pool", endpoints: [] }], 0);
  return poolCluster([...pools][0]!, attachment);
}

it("a pool that is discovered and one of Istio's take the endpoint named by the filter alike", () => {
  expect(discovered("pause")["load_balancing_policy"]).toEqual(namedDestination());
});

it("a pool that is discovered has the limits of one that is written down", () => {
  const { typed_extension_protocol_options: discoveredHttp, ...found } = discovered("buffer");
  const { typed_extension_protocol_options: writtenHttp, ...written } =
    originalDestinationCluster();
  expect(found).toEqual(written);
  const idle = (http: unknown) => JSON.stringify(http).match(/"idle_timeout":"[^"]+"/)?.[0];
  expect(idle(discoveredHttp)).toBeDefined();
  expect(idle(discoveredHttp)).toBe(idle(writtenHttp));
});
