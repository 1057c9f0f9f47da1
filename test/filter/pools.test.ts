import { describe, expect, test } from "vitest";
import { FILTER_SESSION } from "../../protocol/profile.ts";
import { chatBody, destinationsOf, HEADERS } from "../support/asked.ts";
import { FilteredGateway, type GatewayOptions } from "../support/filtered-gateway.ts";
import { addressOf, type HintsHint, hintsFrame, TOKEN_COST } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const CLUSTER = "x-hintway-cluster";
const POOLS = [
  { number: 3, name: "small" },
  { number: 5, name: "large" },
];
const ENDPOINTS = [
  { slot: 0, pool: 3 },
  { slot: 1, pool: 5 },
];
const LIST = '{"object":"list","data":[]}';
const MODELS = { poolOf: { qwen: 3, llama: 5 }, text: LIST };

function tableWith(hints: HintsHint = {}): Buffer {
  return hintsFrame({ pools: POOLS, endpoints: ENDPOINTS, models: MODELS, ...hints });
}

/** A standalone gateway: its routes choose no pool. */
function standalone(hints: HintsHint = {}, options: GatewayOptions = {}): FilteredGateway {
  const gateway = new FilteredGateway({ ...options, workers: 0, hints: null });
  gateway.startWorker({ fallbackCluster: "small" });
  gateway.run(10);
  gateway.hint(tableWith(hints));
  gateway.run(10);
  return gateway;
}

interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | null;
  readonly cluster?: string;
}

function ask(gateway: FilteredGateway, asking: Asking = {}): GatewayRequest {
  const { body = chatBody("hello"), cluster } = asking;
  const properties = cluster === undefined ? {} : { "xds.cluster_name": cluster };
  const request = gateway.worker.startRequest(properties);
  request.requestHeaders({ ...HEADERS, ...asking.headers }, body === null);
  if (body !== null && !request.isOver) request.requestBody(body, true);
  return request;
}

function shown(request: GatewayRequest) {
  const { headers } = request.sentToEndpoint;
  return { destinations: destinationsOf(request), cluster: headers?.get(CLUSTER) };
}

const LARGE = { destinations: [addressOf(1)], cluster: "large" };
const SMALL = { destinations: [addressOf(0)], cluster: undefined };

function errorOf(request: GatewayRequest) {
  const { status, body } = request.localResponse!;
  return { status, ...JSON.parse(Buffer.from(body).toString()).error };
}

describe("where routes choose no pool, the model decides", () => {
  test("and the pool's cluster is named where the route leads to another", () => {
    const gateway = standalone();
    expect(shown(ask(gateway, { body: chatBody("hello", "llama") }))).toEqual(LARGE);
    expect(shown(ask(gateway, { body: chatBody("hello", "qwen") }))).toEqual(SMALL);
  });

  test("wherever and however the body spells it", () => {
    const gateway = standalone();
    for (const body of [
      '{"messages":[{"role":"user","content":"model"}], "model" : "\\u006clama" }',
      '{"model":"qwen","prompt":"p","model":"llama"}',
    ]) {
      expect(shown(ask(gateway, { body }))).toEqual(LARGE);
    }
    const path = { ":path": "/v1/audio/speech" };
    expect(shown(ask(gateway, { headers: path, body: '{"model":"llama"}' }))).toEqual(LARGE);
  });

  test("and whatever names none goes to the pool that the route leads to", () => {
    const gateway = standalone();
    for (const body of ['{"prompt":"p"}', '{"model":7,"prompt":"p"}', "not json", null]) {
      const headers = body === null ? { ":method": "GET", ":path": "/version" } : {};
      expect(shown(ask(gateway, { headers, body }))).toEqual(SMALL);
    }
  });

  test("and one that no pool serves gets OpenAI's 404, which names it", () => {
    const gateway = standalone();
    const request = ask(gateway, { body: '{"model":"gpt\\n\\"5\\"" ,"messages":[]}' });
    expect(errorOf(request)).toEqual({
      status: 404,
      message: 'The model `gpt\n"5"` does not exist.',
      type: "invalid_request_error",
      param: null,
      code: "model_not_found",
    });
    request.done();
    expect(gateway.counter("rejected_model")).toBe(1);
    const long = ask(gateway, { body: chatBody("hello", "m".repeat(300)) });
    expect(errorOf(long).message).toBe("The model `` does not exist.");
  });

  test("and one that is not known gets 503 while pools have not told all their models", () => {
    const gateway = standalone({ models: { ...MODELS, areAll: false } });
    expect(errorOf(ask(gateway, { body: chatBody("hello", "gpt-5") }))).toMatchObject({
      status: 503,
      code: "model_unavailable",
    });
    expect(shown(ask(gateway, { body: chatBody("hello", "llama") }))).toEqual(LARGE);
  });

  test("but not once one of two pools has left: the other has all", () => {
    const pools = [POOLS[0]!, { ...POOLS[1]!, isAside: true }];
    const gateway = standalone({ pools });
    expect(shown(ask(gateway, { body: chatBody("hello", "llama") }))).toEqual(SMALL);
  });

  test("and the rules of one that stands aside lead nowhere", () => {
    const pools = [...POOLS, { number: 6, name: "leaving", isAside: true }];
    const endpoints = [...ENDPOINTS, { slot: 2, pool: 6 }];
    const rewrites = [{ model: "alias", pool: 6, targets: [{ model: "llama", weight: 1 }] }];
    const gateway = standalone({ pools, endpoints, rewrites });
    expect(errorOf(ask(gateway, { body: chatBody("hello", "alias") })).status).toBe(404);
  });

  test("and GET /v1/models is answered for all pools together", () => {
    const gateway = standalone();
    const headers = { ":method": "GET", ":path": "/v1/models?limit=20" };
    const request = ask(gateway, { headers, body: null });
    const { status, body, headers: answered } = request.localResponse!;
    expect([status, Buffer.from(body).toString()]).toEqual([200, LIST]);
    expect(answered.get("content-type")).toBe("application/json");
    const retrieved = { ...headers, ":path": "/v1/models/llama" };
    expect(shown(ask(gateway, { headers: retrieved, body: null }))).toEqual(LARGE);
  });

  test.each([
    ["qwen", SMALL],
    ["llama?verbose=1", LARGE],
    ["org/llama-3.1", LARGE],
    ["org%2Fllama-3.1", LARGE],
    ["org%2fll%61ma-3.1#a", LARGE],
  ])("and GET /v1/models/%s goes to the pool that serves it", (name, expected) => {
    const poolOf = { ...MODELS.poolOf, "org/llama-3.1": 5 };
    const gateway = standalone({ models: { ...MODELS, poolOf } });
    const headers = { ":method": "GET", ":path": `/v1/models/${name}` };
    expect(shown(ask(gateway, { headers, body: null }))).toEqual(expected);
  });

  test("and GET /v1/models/NAME gets OpenAI's 404 where no pool serves it", () => {
    const gateway = standalone();
    ask(gateway, { body: chatBody("hello", "llama") });
    for (const name of ["gpt-5", "llama/x", "llama%2", "%22"]) {
      const headers = { ":method": "GET", ":path": `/v1/models/${name}` };
      const { status, code } = errorOf(ask(gateway, { headers, body: null }));
      expect([name, status, code]).toEqual([name, 404, "model_not_found"]);
    }
    const bare = { ":method": "GET", ":path": "/v1/models/" };
    expect(shown(ask(gateway, { headers: bare, body: null }))).toEqual(SMALL);
  });

  test("and the headers that its pool's profile looks at are read then", () => {
    const steps = [{ operation: FILTER_SESSION, parameters: [0] }, TOKEN_COST];
    const pools = [POOLS[0]!, { ...POOLS[1]!, headers: ["x-session"], steps }];
    const endpoints = [...ENDPOINTS, { slot: 2, pool: 5 }, { slot: 4, pool: 5 }];
    const gateway = standalone({ pools, endpoints });
    for (const slot of [1, 2, 4, 4, 2, 1]) {
      const headers = { "x-session": addressOf(slot) };
      const request = ask(gateway, { headers, body: chatBody("hello", "llama") });
      expect(destinationsOf(request)).toEqual([addressOf(slot)]);
    }
  });

  test("also under attachment B, where no header is set", () => {
    const gateway = standalone({}, { attachment: "buffer" });
    const request = ask(gateway, { body: chatBody("hello", "llama") });
    const state = request.filterState.get("envoy.network.transport_socket.original_dst_address");
    expect(state?.value).toBe(addressOf(1));
    expect(request.sentToEndpoint.headers?.has(CLUSTER)).toBe(false);
    expect(errorOf(ask(gateway, { body: chatBody("hello", "gpt-5") })).status).toBe(404);
  });

  test("never by a cluster that a client names", () => {
    const headers = { [CLUSTER]: "hintway-control-plane" };
    const gateway = standalone();
    expect(shown(ask(gateway, { headers, body: chatBody("hello", "qwen") }))).toEqual(SMALL);
  });
});

describe("where routes name clusters", () => {
  const asked = (cluster: string, model: string) => {
    const gateway = new FilteredGateway({ hints: tableWith() });
    return shown(ask(gateway, { cluster, body: chatBody("hello", model) }));
  };

  test("the pool of the cluster wins over the model", () => {
    expect(asked("small", "llama")).toEqual(SMALL);
  });

  test("another cluster leaves it to the model, and passes what is none of the pools'", () => {
    expect(asked("other", "llama")).toEqual(LARGE);
    expect(asked("other", "gpt-5")).toEqual({ destinations: [], cluster: undefined });
  });

  test("a pool that leaves has no endpoint to pick", () => {
    const pools = [POOLS[0]!, { ...POOLS[1]!, isAside: true }];
    const gateway = new FilteredGateway({
      hints: tableWith({ pools, endpoints: [ENDPOINTS[0]!] }),
    });
    expect(errorOf(ask(gateway, { cluster: "large" }))).toMatchObject({ code: "no_endpoints" });
  });
});

test("a gateway with one pool names its cluster where the route leads elsewhere", () => {
  const gateway = standalone({ pools: [POOLS[1]!], endpoints: [ENDPOINTS[1]!] });
  expect(shown(ask(gateway, { body: chatBody("hello", "whatever") }))).toEqual(LARGE);
});

test("keys of a pool whose blocks are of another size are not compared", () => {
  const pools = [POOLS[0]!, { ...POOLS[1]!, blockBytes: 2048 }];
  const gateway = standalone({ pools });
  const body = chatBody("x".repeat(9_000), "llama");
  for (let again = 0; again < 2; again++) {
    const request = ask(gateway, { headers: { "x-hintway-explain": "1" }, body });
    expect(shown(request)).toEqual(LARGE);
    request.done();
  }
  expect(gateway.counter("picks_without_prompt")).toBe(2);
});
