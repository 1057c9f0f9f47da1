import { afterAll, beforeAll, expect, it } from "vitest";
import { type Component, startSimulator } from "../support/components.ts";
import {
  COMPUTE_MS,
  countedMs,
  endedOf,
  PEER_MODEL,
  startPeer,
  TRANSFER_MS,
} from "../support/peers/simulator.ts";
import { describePeers } from "../support/peers/suite.ts";
import { ASK_OF_PREFILL, askBothLegs, post } from "../support/two-legs.ts";

const QUESTION = {
  model: PEER_MODEL,
  messages: [{ role: "user", content: "Tell me the way to the sea, and of its weather." }],
  max_tokens: 8,
};

/** Fields of vLLM's parameters that llm-d's simulator does not have. */
const NEWER = ["remote_request_id", "remote_num_tokens", "remote_blocks_expiry_time"];

describePeers("llm-d's own simulator, asked without a gateway", () => {
  let prefill: Component;
  let decode: Component;
  beforeAll(async () => {
    [prefill, decode] = await Promise.all([startPeer(), startPeer()]);
  });
  afterAll(async () => {
    await prefill?.stop();
    await decode?.stop();
  });

  it("takes a prefill leg, and its decode leg does not compute the prompt", async () => {
    // It counts a moment after it has answered.
    const counted = (server: Component) =>
      expect.poll(() => countedMs(server), { timeout: 10_000 });
    await (await post(decode, QUESTION)).json();
    await counted(decode).toBe(COMPUTE_MS);
    const answer = await askBothLegs(prefill, decode, QUESTION, "one");
    expect(answer.status).toBe(200);
    expect(await endedOf(prefill, "remote_decode")).toBe(1);
    await counted(prefill).toBe(COMPUTE_MS);
    await counted(decode).toBe(COMPUTE_MS + TRANSFER_MS);
  });

  it("refuses to stream a prefill leg, as the project's simulator does", async () => {
    const streamed = {
      ...QUESTION,
      max_tokens: 1,
      stream: true,
      kv_transfer_params: ASK_OF_PREFILL,
    };
    const ours = await startSimulator(["--kv-connector", "nixlv2", "--model", PEER_MODEL]);
    const statuses = [await post(prefill, streamed), await post(ours, streamed)];
    await ours.stop();
    expect(statuses.map(({ status }) => status)).toEqual([400, 400]);
  });

  it("answers a prefill leg with the fields of the project's simulator, but for vLLM's newest", async () => {
    const ours = await startSimulator(["--kv-connector", "nixlv2", "--model", PEER_MODEL]);
    const leg = { ...QUESTION, max_tokens: 1, kv_transfer_params: ASK_OF_PREFILL };
    const fields = [];
    for (const server of [prefill, ours]) {
      const { kv_transfer_params } = await (await post(server, leg)).json();
      fields.push(Object.keys(kv_transfer_params).sort());
    }
    await ours.stop();
    const [theirs, own = []] = fields;
    expect(own.filter((name) => !NEWER.includes(name))).toEqual(theirs);
    expect(own).toEqual(expect.arrayContaining(NEWER));
  });
});
