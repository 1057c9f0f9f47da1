import { afterAll, beforeAll, expect, it } from "vitest";
import type { Component } from "../support/components.ts";
import { type RoleGateway, startRoleGateway } from "../support/peers/roles.ts";
import { COMPUTE_MS, endedOf, PEER_MODEL, startPeer } from "../support/peers/simulator.ts";
import { describePeers } from "../support/peers/suite.ts";
import { post } from "../support/peers/two-legs.ts";
import { until } from "../support/until.ts";

function question(word: string, more: object = {}) {
  const content = `Tell me the way to the sea, and of ${word}.`;
  return { model: PEER_MODEL, messages: [{ role: "user", content }], max_tokens: 8, ...more };
}

describePeers("llm-d's own simulators as prefill and decode behind a gateway", () => {
  let peers: { prefill: Component; decode: Component };
  let gateway: RoleGateway;
  beforeAll(async () => {
    const [prefill, decode] = await Promise.all([startPeer(), startPeer()]);
    peers = { prefill, decode };
    gateway = await startRoleGateway({ prefill: [prefill.port], decode: [decode.port] });
    await until("a request to be read by prefill", async () => {
      await (await post(gateway, question("anything"))).text();
      return (await endedOf(prefill, "remote_decode")) > 0;
    });
  });
  afterAll(async () => {
    await gateway?.stop();
    await peers?.prefill.stop();
    await peers?.decode.stop();
  });

  it("each request has one leg on each, and is answered as it asked to be", async () => {
    const { prefill, decode } = peers;
    const before = [await endedOf(prefill, "remote_decode"), await decodedBy(decode)];
    const whole = await post(gateway, question("rain"));
    expect(whole.status).toBe(200);
    const { choices, usage } = await whole.json();
    expect(["stop", "length"]).toContain(choices[0].finish_reason);
    expect(usage.completion_tokens).toBeLessThanOrEqual(8);
    const streamed = await post(gateway, question("wind", { stream: true }));
    expect(streamed.headers.get("content-type")).toContain("text/event-stream");
    expect(await streamed.text()).toContain("data: [DONE]");
    const after = [await endedOf(prefill, "remote_decode"), await decodedBy(decode)];
    expect(after.map((count, at) => count - (before[at] ?? 0))).toEqual([2, 2]);
  });

  it("decode does not compute the prompt once more", async () => {
    const beganAtMs = performance.now();
    await (await post(gateway, question("snow"))).text();
    const tookMs = performance.now() - beganAtMs;
    // Prefill computes for so long, and decode would for as long again.
    expect(tookMs).toBeGreaterThan(COMPUTE_MS);
    expect(tookMs).toBeLessThan(2 * COMPUTE_MS);
  });
});

async function decodedBy(server: Component): Promise<number> {
  return (await endedOf(server, "stop")) + (await endedOf(server, "length"));
}
