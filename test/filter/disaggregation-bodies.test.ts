import { beforeEach, describe, expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { ask, serve } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { tableOf } from "../support/hints-written.ts";

const ANSWER = '{"kv_transfer_params":{"a":[1]},"usage":{"prompt_tokens_details":null}}';

const CONNECTORS: [string, number][] = [
  ["NIXL", wire.CONNECTOR_NIXL],
  ["shared storage", wire.CONNECTOR_SHARED_STORAGE],
];

let gateway: FilteredGateway;
function startGateway(connector: number): void {
  const endpoints = [
    { slot: 0, roles: wire.ROLE_PREFILL },
    { slot: 1, roles: wire.ROLE_DECODE },
  ];
  const hints = tableOf(0, { endpoints }, { disaggregation: { tries: 1, connector } });
  gateway = new FilteredGateway({ hints, clusters: ["pool"] });
}

/** Asks, answers the one call to prefill, and serves what comes of it. */
function run(path: string, body: string, answer: string): void {
  const request = ask(gateway.worker, { body, headers: { ":path": path } });
  const [call] = gateway.callsTo("pool");
  if (call) {
    JSON.parse(Buffer.from(call.body).toString().replace("\uFEFF", ""));
    gateway.answer(call, { status: 200, headers: JSON_TYPE, body: answer });
  }
  const sent = Buffer.from(request.sentToEndpoint.body).toString();
  if (request.isOver) request.done();
  else {
    JSON.parse(sent.replace("\uFEFF", ""));
    serve(request);
  }
}

/** What prefill was asked last. */
function asked(body: string, path: string): Record<string, unknown> {
  ask(gateway.worker, { body, headers: { ":path": path } });
  return JSON.parse(Buffer.from(gateway.callsTo("pool")[0]!.body).toString());
}

const JSON_TYPE = { "content-type": "application/json" };

describe.each(CONNECTORS)("nothing traps, and nothing stays in flight by %s", (_, connector) => {
  beforeEach(() => startGateway(connector));
  const BODIES = [
    '{"messages":[{"role":"user","content":"a"}]}',
    ' \n {"max_tokens":1,"n":2,"messages":[],"min_tokens":2 }',
    '{"stream":true}',
    "{}",
    '\uFEFF{"prompt":"a","sampling_params":{"n":1}}',
    '{"sampling_params":{"max_tokens":5,"temperature":1,"n":3},"token_ids":[1,2,3]}',
    '{"sampling_params":null,"token_ids":[1,2,3]}',
    '{"str\\u0065am":true,"messages":[{"role":"user","content":"{\\"stream\\":1}"}]}',
  ];
  const PATHS = [
    "/v1/chat/completions",
    "/v1/completions",
    "/v1/responses",
    "/inference/v1/generate",
  ];
  const ANSWERS = [
    ANSWER,
    "",
    "{",
    "[]",
    '{"kv_transfer_params":[]}',
    '{"kv_transfer_params":{}}',
    '{"kv_transfer_params":{},"kv_transfer_params":null}',
    `${"[".repeat(100)}`,
    '{"usage":{"prompt_tokens_details":{"cached_tokens":[1]}},"kv_transfer_params":{"a":1}}',
    Buffer.from("fffe00ff", "hex").toString("latin1"),
  ];

  test.each(PATHS)("whatever is asked at %s and answered by prefill", (path) => {
    for (const body of BODIES) for (const answer of ANSWERS) run(path, body, answer);
    expect(gateway.flightGauges()).toEqual({});
    expect(gateway.worker.requestCount).toBe(0);
  });

  test.each([
    ['{"stream":true,"prompt":"aaaa"}', "/v1/completions", { prompt: "aaaa" }],
    ['{"prompt":"aaaa","n":3,"stream":true}', "/v1/completions", { prompt: "aaaa" }],
    ['{"n":3,"prompt":"aaaa"}', "/v1/completions", { prompt: "aaaa" }],
  ])("and %s loses what only streams or limits it", (body, path, rest) => {
    const { kv_transfer_params, ...sent } = asked(body, path);
    expect(kv_transfer_params !== undefined).toBe(connector === wire.CONNECTOR_NIXL);
    const limits = { stream: false, max_tokens: 1, max_completion_tokens: 1, min_tokens: 1 };
    expect(sent).toEqual({ ...rest, ...limits });
  });

  test.each([
    [
      '{"token_ids":[1],"sampling_params":{"max_tokens":9,"min_tokens":2,"n":2,"seed":4}}',
      { seed: 4 },
    ],
    ['{"token_ids":[1],"sampling_params":{"n":2}}', {}],
    ['{"token_ids":[1]}', {}],
    ['{"token_ids":[1],"sampling_params":null}', {}],
    ['{"token_ids":[1],"sampling_params":{"seed":1},"sampling_params":null}', {}],
    ['{"token_ids":[1],"sampling_params":null,"sampling_params":{"n":2,"seed":1}}', { seed: 1 }],
    ['{"token_ids":[1],"sampling_params":{"n":2},"sampling_params":{"n":2,"seed":1}}', { seed: 1 }],
  ])("and the sampling parameters of %s allow one token", (body, rest) => {
    const { sampling_params } = asked(body, "/inference/v1/generate");
    expect(sampling_params).toEqual({ ...rest, max_tokens: 1, min_tokens: 1 });
  });
});
