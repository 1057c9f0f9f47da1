import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { answerJson, RecordingServer } from "../support/recording-server.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { ASK_OF_PREFILL, post } from "../support/two-legs.ts";
import { until } from "../support/until.ts";

const PARAMETERS = { do_remote_prefill: true, remote_block_ids: [[1, 2]], remote_port: 5600 };
const ASKED = {
  model: "m",
  messages: [{ role: "user", content: "Where is the sea?" }],
  stream: true,
  stream_options: { include_usage: true },
  max_tokens: 50,
  max_completion_tokens: 50,
  min_tokens: 5,
  temperature: 0.5,
};

/**
 * What vLLM's toy proxy makes of it for prefill, by hand from `send_request_to_service` in vLLM's
 * tests/v1/kv_connector/nixl_integration/toy_proxy_server.py. It takes `min_tokens` out; here it is
 * lowered to 1 as llm-d's sidecar does, which an engine reads alike where one token is made.
 */
const OF_TOY_PROXY = {
  model: "m",
  messages: ASKED.messages,
  stream: false,
  max_tokens: 1,
  max_completion_tokens: 1,
  temperature: 0.5,
  kv_transfer_params: ASK_OF_PREFILL,
};

describe("beside vLLM's toy proxy", () => {
  let prefill: RecordingServer;
  let decode: RecordingServer;
  let gateway: RoleGateway;
  beforeAll(async () => {
    prefill = await RecordingServer.start((response) =>
      answerJson(response, JSON.stringify({ choices: [], kv_transfer_params: PARAMETERS })),
    );
    decode = await RecordingServer.start((response) => answerJson(response, '{"choices":[]}'));
    gateway = await startRoleGateway({ prefill: [prefill.port], decode: [decode.port] });
    await until("a request to be read by prefill", async () => {
      await (await post(gateway, ASKED)).text();
      return prefill.seen.length > 0;
    });
    prefill.seen.length = 0;
    decode.seen.length = 0;
    await (await post(gateway, ASKED, { authorization: "Bearer key" })).text();
  });
  afterAll(async () => {
    await gateway?.stop();
    await prefill?.stop();
    await decode?.stop();
  });

  it("a prefill leg has the same fields with the same values", () => {
    const { min_tokens, ...body } = JSON.parse(prefill.seen[0]?.body ?? "{}");
    expect(body).toEqual(OF_TOY_PROXY);
    expect(min_tokens).toBe(1);
  });

  it("a decode leg is the request as it came, with prefill's parameters", () => {
    const body = JSON.parse(decode.seen[0]?.body ?? "{}");
    expect(body).toEqual({ ...ASKED, kv_transfer_params: PARAMETERS });
  });

  it("both legs carry the client's authorization and one request id", () => {
    const [one, other] = [prefill, decode].map(({ seen }) => seen[0]?.headers);
    expect(one?.authorization).toBe("Bearer key");
    expect(other?.authorization).toBe("Bearer key");
    expect(one?.["x-request-id"]).toBeTruthy();
    expect(other?.["x-request-id"]).toBe(one?.["x-request-id"]);
  });
});
