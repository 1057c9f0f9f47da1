import { afterAll, beforeAll, expect, it } from "vitest";
import type { Component } from "../support/components.ts";
import { endedOf, PEER_MODEL, startPeer } from "../support/peers/simulator.ts";
import { describePeers } from "../support/peers/suite.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { post } from "../support/two-legs.ts";
import { until } from "../support/until.ts";

const SHARED = ["--kv-connector", "shared-storage"];

function question(word: string, more: object = {}) {
  const content = `Tell me of ${word}. `.repeat(20);
  return { model: PEER_MODEL, messages: [{ role: "user", content }], max_tokens: 8, ...more };
}

describePeers(
  "llm-d's own simulators behind a gateway, asked for a threshold of cache hits",
  () => {
    let prefill: Component;
    let decode: Component;
    let gateway: RoleGateway;
    beforeAll(async () => {
      [prefill, decode] = await Promise.all([startPeer(), startPeer({ "enable-kvcache": "true" })]);
      const ports = { prefill: [prefill.port], decode: [decode.port] };
      gateway = await startRoleGateway(ports, { flags: SHARED });
      await until("a request to be read by prefill", async () => {
        await (await post(gateway, question("anything"))).text();
        return (await servedBy(prefill)) > 0;
      });
    });
    afterAll(async () => {
      await gateway?.stop();
      await prefill?.stop();
      await decode?.stop();
    });

    it("decode refuses what it does not hold, and then prefill and decode serve it", async () => {
      const prefilled = await servedBy(prefill);
      const refused = await endedOf(decode, "cache_threshold");
      const response = await post(gateway, question("rain", { cache_hit_threshold: 0.8 }));
      expect(["stop", "length"]).toContain((await response.json()).choices[0].finish_reason);
      const counted = () => Promise.all([servedBy(prefill), endedOf(decode, "cache_threshold")]);
      await expect.poll(counted, { timeout: 10_000 }).toEqual([prefilled + 1, refused + 1]);
    });

    it("and decode serves what it holds, in a stream if asked so, without prefill", async () => {
      const asked = question("snow", { cache_hit_threshold: 0.8, stream: true });
      await (await post(gateway, asked)).text();
      const ended = () => Promise.all([servedBy(prefill), endedOf(decode, "cache_threshold")]);
      const before = await ended();
      const decoded = await servedBy(decode);
      const response = await post(gateway, asked);
      expect(response.headers.get("content-type")).toContain("text/event-stream");
      expect(await response.text()).toContain("data: [DONE]");
      // The ask, and the request.
      await expect.poll(() => servedBy(decode), { timeout: 10_000 }).toBe(decoded + 2);
      expect(await ended()).toEqual(before);
    });
  },
);

async function servedBy(server: Component): Promise<number> {
  return (await endedOf(server, "stop")) + (await endedOf(server, "length"));
}
