import { afterAll, beforeAll, expect, it } from "vitest";
import type { Component } from "../support/components.ts";
import {
  COMPUTE_MS,
  countedMs,
  endedOf,
  PEER_MODEL,
  startPeer,
  TRANSFER_MS,
} from "../support/peers/simulator.ts";
import { describePeers } from "../support/peers/suite.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { post } from "../support/two-legs.ts";
import { until } from "../support/until.ts";

/** The simulator counts a moment after it has answered. */
const COUNTED_SOON = { timeout: 10_000 };

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
    const ended = () => Promise.all([endedOf(prefill, "remote_decode"), decodedBy(decode)]);
    const [prefilled, decoded] = await ended();
    const whole = await post(gateway, question("rain"));
    expect(whole.status).toBe(200);
    const { choices, usage } = await whole.json();
    expect(["stop", "length"]).toContain(choices[0].finish_reason);
    expect(usage.completion_tokens).toBeLessThanOrEqual(8);
    const streamed = await post(gateway, question("wind", { stream: true }));
    expect(streamed.headers.get("content-type")).toContain("text/event-stream");
    expect(await streamed.text()).toContain("data: [DONE]");
    await expect.poll(ended, COUNTED_SOON).toEqual([prefilled + 2, decoded + 2]);
  });

  it("decode does not compute the prompt once more", async () => {
    const { prefill, decode } = peers;
    const counted = () => Promise.all([countedMs(prefill), countedMs(decode)]);
    const [prefillMs, decodeMs] = await counted();
    await (await post(gateway, question("snow"))).text();
    await expect
      .poll(counted, COUNTED_SOON)
      .toEqual([prefillMs + COMPUTE_MS, decodeMs + TRANSFER_MS]);
  });
});

async function decodedBy(server: Component): Promise<number> {
  return (await endedOf(server, "stop")) + (await endedOf(server, "length"));
}
