import { expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, beginResponse, chatBody } from "../support/asked.ts";
import { DisaggregatedGateway } from "../support/disaggregated-gateway.ts";

const PROMPT = "tell me of the sea ".repeat(200);
/** What the prefill endpoint of the gateway's tells. */
const CACHED = 32;

function usageOf(cached: number): string {
  return `{"usage":{"prompt_tokens":950,"prompt_tokens_details":{"cached_tokens":${cached}},"completion_tokens":5}}`;
}

/** What the client sees of an answer of decode's, which comes in chunks. */
function seen(body: string, chunks: string[], headers = {}, legAnswer?: string): string {
  const gateway = new DisaggregatedGateway();
  const request = ask(gateway.worker, { body });
  gateway.answerLeg(legAnswer);
  expect(request.sentToEndpoint.headers?.get("accept-encoding")).toBe(
    body.includes('"stream": true,"n"') ? undefined : "identity",
  );
  beginResponse(request, { headers: { "content-length": "999", ...headers } });
  for (const [at, chunk] of chunks.entries()) {
    request.responseBody(chunk, at === chunks.length - 1);
  }
  request.done();
  expect(gateway.flightGauges()).toEqual({});
  return request.sentToClient.bodyText;
}

test("cached tokens of an answer are those that prefill tells", () => {
  expect(seen(chatBody(PROMPT), [usageOf(949)])).toBe(usageOf(CACHED));
});

test("and none where prefill does not tell", () => {
  const silent = '{"kv_transfer_params":{"remote_host":"a"},"usage":{"prompt_tokens":950}}';
  expect(seen(chatBody(PROMPT), [usageOf(949)], {}, silent)).toBe(usageOf(0));
});

test("also where decode needs no parameters of it", () => {
  const gateway = new DisaggregatedGateway({ connector: wire.CONNECTOR_SHARED_STORAGE });
  const request = ask(gateway.worker, { prompt: PROMPT });
  gateway.answerLeg(usageOf(CACHED));
  beginResponse(request);
  request.responseBody(usageOf(949), true);
  expect(request.sentToClient.bodyText).toBe(usageOf(CACHED));
});

test("those of Anthropic's API stay, whose prompt tokens are told without them", () => {
  const usage = '{"usage":{"input_tokens":1,"cache_read_input_tokens":949,"output_tokens":5}}';
  const gateway = new DisaggregatedGateway();
  const request = ask(gateway.worker, { prompt: PROMPT, headers: { ":path": "/v1/messages" } });
  gateway.answerLeg();
  beginResponse(request);
  request.responseBody(usage, true);
  expect(request.sentToClient.bodyText).toBe(usage);
});

test("also in a stream that is cut anywhere", () => {
  const options = '"stream": true,"stream_options":{"include_usage":true},';
  const body = chatBody(PROMPT).replace("{", `{${options}`);
  const events = { "content-type": "text/event-stream" };
  const told = `data: {"choices":[]}\n\ndata: ${usageOf(949)}\n\ndata: [DONE]\n\n`;
  const wanted = told.replace("949", `${CACHED}`);
  for (let cut = 1; cut < told.length; cut += 7) {
    expect(seen(body, [told.slice(0, cut), told.slice(cut)], events)).toBe(wanted);
  }
});

test("a stream that asks for no counts is passed on unread", () => {
  const body = chatBody(PROMPT).replace("{", '{"stream": true,"n":1,');
  const events = { "content-type": "text/event-stream" };
  const told = `data: ${usageOf(949)}\n\n`;
  expect(seen(body, [told], events)).toBe(told);
});
