import { describe, expect, test } from "vitest";
import type { ToldRule } from "../../control-plane/pool/rewrites.ts";
import { NO_COUNT } from "../../protocol/records.ts";
import { type Asking, ask, beginResponse, destinationsOf, HEADERS } from "../support/asked.ts";
import { FilteredGateway, type GatewayOptions } from "../support/filtered-gateway.ts";
import { addressOf, hintsFrame, tableOf } from "../support/hints-written.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const TARGET = "target";

function rule(model: string | null, targets: string[] = [TARGET], more: Partial<ToldRule> = {}) {
  return {
    model,
    pool: null,
    targets: targets.map((name) => ({ model: name, weight: 1 })),
    ...more,
  };
}

function gatewayWith(rewrites: ToldRule[], options: GatewayOptions = {}): FilteredGateway {
  return new FilteredGateway({ ...options, hints: tableOf(3, { rewrites }) });
}

/** The body that the endpoint gets, and its headers. */
function sent(request: GatewayRequest) {
  const { headers, bodyText } = request.sentToEndpoint;
  return { body: bodyText, length: headers?.get("content-length"), headers };
}

function asked(gateway: FilteredGateway, body: string, headers: Asking["headers"] = {}) {
  const length = `${Buffer.byteLength(body)}`;
  return ask(gateway.worker, { body, headers: { "content-length": length, ...headers } });
}

/** What the client gets of a response in these pieces. */
function answered(request: GatewayRequest, pieces: (string | Buffer)[], headers = {}) {
  const length = pieces.reduce((sum, piece) => sum + Buffer.byteLength(piece), 0);
  beginResponse(request, { headers: { "content-length": `${length}`, ...headers } });
  for (const piece of pieces) request.responseBody(piece);
  request.responseBody("", true);
  request.done();
  return request.sentToClient;
}

describe("the model of a request's body is another one", () => {
  test.each([
    ["longer", '{"model":"a","prompt":"p"}', '{"model":"target","prompt":"p"}'],
    ["shorter", '{"prompt":"p","model":"a much longer name"}', '{"prompt":"p","model":"target"}'],
    ["with white space", '{ "model" : "a" , "n":1}', '{ "model" : "target" , "n":1}'],
    ["with escapes", String.raw`{"mode\u006c":"\u0061\"\\"}`, String.raw`{"mode\u006c":"target"}`],
    ["that counts, the last of two", '{"model":"a","model":"b"}', '{"model":"a","model":"target"}'],
    [
      "beside what is blanked",
      '{"bootstrap_a":1,"model":"a"}',
      '{                "model":"target"}',
    ],
    ["absent", '{"prompt":"p"}', '{"prompt":"p","model":"target"}'],
    ["absent, as all else", "{}", '{"model":"target"}'],
    ["no string", '{"model":null}', '{"model":null,"model":"target"}'],
  ])("%s", (_, body, expected) => {
    for (const attachment of ["pause", "buffer"] as const) {
      const gateway = gatewayWith([rule(null)], { attachment });
      const got = sent(asked(gateway, body));
      expect(got.body).toBe(expected);
      // Under attachment B the buffer filter writes it.
      const length = attachment === "pause" ? `${expected.length}` : undefined;
      expect(got.length).toBe(length);
      expect(gateway.counter("models_rewritten")).toBe(1);
    }
  });

  test("wherever the body is cut, and with trailers", () => {
    const body = '{"prompt":"p","model":"asked","stream":true}';
    for (let cut = 1; cut < body.length; cut++) {
      const request = gatewayWith([rule("asked")]).worker.startRequest();
      request.requestHeaders(HEADERS);
      request.requestBody(body.slice(0, cut));
      request.requestBody(body.slice(cut));
      request.requestTrailers({ "x-end": "1" });
      expect(request.sentToEndpoint.bodyText).toBe(body.replace("asked", TARGET));
    }
  });

  test("in a large body, before and behind its prompt", () => {
    const prompt = "words ".repeat(500_000);
    const gateway = gatewayWith([rule(null)]);
    for (const body of [
      { model: "a", prompt },
      { prompt, model: "a".repeat(5000) },
    ]) {
      const { body: got, length } = sent(asked(gateway, JSON.stringify(body)));
      expect(JSON.parse(got)).toEqual({ prompt, model: TARGET });
      expect(length).toBe(`${got.length}`);
    }
  });

  test("with a name that needs escapes in JSON", () => {
    const name = 'a"\\ é\n';
    expect(JSON.parse(sent(asked(gatewayWith([rule("x", [name])]), '{"model":"x"}')).body)).toEqual(
      {
        model: name,
      },
    );
  });

  test("and not where no rule matches, the target is the same, or the body cannot be read", () => {
    const gateway = gatewayWith([rule("x"), rule("same", ["same"])]);
    const deep = `{"model":"x","a":${"[".repeat(64)}${"]".repeat(64)}}`;
    for (const body of ['{"model":"y"}', '{"model":"same"}', '{"model":"x"', '["x"]', "x", "{}"]) {
      const request = asked(gateway, body, { "accept-encoding": "gzip" });
      expect(sent(request)).toMatchObject({ body, length: `${body.length}` });
      expect(request.sentToEndpoint.headers?.get("accept-encoding")).toBe("gzip");
      expect(answered(request, ['{"model":"z"}']).headers?.get("content-length")).toBe("13");
    }
    expect(asked(gateway, deep).localResponse?.status).toBe(400);
    expect(gateway.counter("models_rewritten")).toBe(0);
  });

  test("and its prompt's keys are those of the target", () => {
    const gateway = gatewayWith([rule("asked", [TARGET])]);
    const body = (model: string) => JSON.stringify({ model, prompt: "w".repeat(4096) });
    for (const model of [TARGET, "asked", "another"]) {
      asked(gateway, body(model), { ":path": "/v1/completions" });
    }
    gateway.run(100);
    const [target, rewritten, another] = gateway.told.picks.map(({ keys }) => String(keys));
    expect(rewritten).toBe(target);
    expect(another).not.toBe(target);
  });
});

describe("which rule counts", () => {
  const name = (gateway: FilteredGateway, model: string, headers = {}) =>
    (JSON.parse(sent(asked(gateway, JSON.stringify({ model }), headers)).body) as { model: string })
      .model;

  test("an exact match before one for all, and of several the first", () => {
    const rules = [rule("x", ["one"]), rule("x", ["two"]), rule(null, ["all"]), rule(null, ["no"])];
    const gateway = gatewayWith(rules);
    expect([name(gateway, "x"), name(gateway, "y")]).toEqual(["one", "all"]);
  });

  test("targets are drawn by their weights", () => {
    const targets = [
      { model: "a", weight: 70 },
      { model: "b", weight: 20 },
      { model: "c", weight: 10 },
    ];
    const gateway = gatewayWith([{ model: "x", pool: null, targets }]);
    const drawn: Record<string, number> = { a: 0, b: 0, c: 0 };
    for (let i = 0; i < 2000; i++) drawn[name(gateway, "x")]!++;
    // Within four standard deviations.
    for (const { model, weight } of targets) {
      const expected = 20 * weight;
      const deviation = Math.sqrt(expected * (1 - weight / 100));
      expect(Math.abs(drawn[model]! - expected)).toBeLessThan(4 * deviation);
    }
  });

  test("a header names the target where no rule does, under both of its names", () => {
    const gateway = gatewayWith([rule("x")]);
    const header = { "x-llm-d-model-name-rewrite": 'named "so"' };
    const old = { "x-gateway-model-name-rewrite": "old" };
    expect(name(gateway, "y", header)).toBe('named "so"');
    expect(name(gateway, "y", old)).toBe("old");
    expect(name(gateway, "y", { ...header, ...old })).toBe('named "so"');
    expect(name(gateway, "y", { ...old, ...header })).toBe('named "so"');
    expect(name(gateway, "x", header)).toBe(TARGET);
    expect(name(gatewayWith([]), "y", old)).toBe("old");
    for (const value of ["", "é", "x".repeat(300)]) {
      expect(name(gateway, "y", { "x-llm-d-model-name-rewrite": value })).toBe("y");
    }
  });

  test("rules that came while a body was on its way do not change it under attachment B", () => {
    const gateway = gatewayWith([], { attachment: "buffer" });
    const request = gateway.worker.startRequest();
    request.requestHeaders({ ...HEADERS, "content-length": "13" });
    gateway.hint(tableOf(3, { rewrites: [rule("x")] }));
    request.requestBody('{"model":"x"}', true);
    expect(sent(request)).toMatchObject({ body: '{"model":"x"}', length: "13" });
  });

  test("rules that are gone change nothing", () => {
    const gateway = gatewayWith([rule(null)]);
    gateway.hint(tableOf(3));
    expect(name(gateway, "x")).toBe("x");
  });
});

describe("with several pools", () => {
  const POOLS = [3, 5].map((number) => ({ number, name: `pool ${number}` }));
  const ENDPOINTS = POOLS.map(({ number }, slot) => ({ slot, pool: number }));
  const MODELS = { poolOf: { small: 3, large: 5 } };

  function standalone(rewrites: ToldRule[]): FilteredGateway {
    const gateway = new FilteredGateway({ workers: 0, hints: null });
    gateway.startWorker({ fallbackCluster: "pool 3" });
    gateway.run(10);
    const tables = { pools: POOLS, endpoints: ENDPOINTS, models: MODELS, rewrites };
    gateway.hint(hintsFrame(tables));
    gateway.run(10);
    return gateway;
  }

  function routed(gateway: FilteredGateway, model: string, cluster?: string) {
    const request = gateway.worker.startRequest(cluster ? { "xds.cluster_name": cluster } : {});
    request.requestHeaders(HEADERS);
    request.requestBody(JSON.stringify({ model }), true);
    if (request.localResponse) return Buffer.from(request.localResponse.body).toString();
    const { bodyText } = request.sentToEndpoint;
    return [(JSON.parse(bodyText) as { model: string }).model, ...destinationsOf(request)];
  }

  test("the target's pool serves it, where a rule is for all pools", () => {
    const gateway = standalone([rule("alias", ["large"])]);
    expect(routed(gateway, "alias")).toEqual(["large", addressOf(1)]);
  });

  test("a rule's own pool serves it, whether or not its servers list the target", () => {
    const gateway = standalone([rule("alias", ["unlisted"], { pool: 5 })]);
    expect(routed(gateway, "alias")).toEqual(["unlisted", addressOf(1)]);
  });

  test("a pool's rule for all models is for those that lead to it", () => {
    const gateway = standalone([rule(null, ["canary"], { pool: 5 })]);
    expect(routed(gateway, "large")).toEqual(["canary", addressOf(1)]);
    expect(routed(gateway, "small")).toEqual(["small", addressOf(0)]);
  });

  test("where the route names the pool, rules of others do not count", () => {
    const rewrites = [rule("x", ["three"], { pool: 3 }), rule("x", ["five"], { pool: 5 })];
    const hints = hintsFrame({ pools: POOLS, endpoints: ENDPOINTS, models: MODELS, rewrites });
    const gateway = new FilteredGateway({ hints });
    expect(routed(gateway, "x", "pool 5")).toEqual(["five", addressOf(1)]);
    expect(routed(gateway, "x", "pool 3")).toEqual(["three", addressOf(0)]);
  });

  test("a client is told its own name where nobody serves the target", () => {
    const body = routed(standalone([rule("alias", ["nowhere"])]), "alias");
    expect(body).toContain("The model `alias` does not exist");
  });
});

describe("the client sees the name that it asked for", () => {
  const BODY = String.raw`{"prompt":"p","model":"my \"own\""}`;
  const ANSWER = '{"id":"1","model":"target","usage":{"prompt_tokens":7,"completion_tokens":2}}';
  const OWN = ANSWER.replace('"target"', String.raw`"my \"own\""`);

  test("in JSON, cut anywhere, whose length is not told", () => {
    for (const attachment of ["pause", "buffer"] as const) {
      const gateway = gatewayWith([rule('my "own"')], { attachment });
      for (let cut = 0; cut < ANSWER.length; cut += 7) {
        const request = asked(gateway, BODY, { "accept-encoding": "gzip" });
        expect(request.sentToEndpoint.headers?.get("accept-encoding")).toBe("identity");
        const client = answered(request, [ANSWER.slice(0, cut), ANSWER.slice(cut)]);
        expect(client.bodyText).toBe(OWN);
        expect(client.headers?.get("content-length")).toBeUndefined();
      }
      gateway.run(100);
      const done = gateway.told.dones.at(-1);
      expect(done).toMatchObject({ promptTokens: 7, completionTokens: 2 });
      expect(gateway.counter("responses_unedited")).toBe(0);
    }
  });

  test("in a stream, also one that tells no token counts", () => {
    const gateway = gatewayWith([rule(null)]);
    const events = Array.from({ length: 50 }, (_, id) => `data: {"id":${id},"model":"target"}\n\n`);
    for (const pieceBytes of [1, 13, 1000]) {
      const text = `${events.join("")}data: [DONE]\n\n`;
      const pieces = text.match(new RegExp(`[^]{1,${pieceBytes}}`, "g")) ?? [];
      const request = asked(gateway, '{"model":"own","stream":true}');
      const client = answered(request, pieces, { "content-type": "text/event-stream" });
      expect(client.bodyText).toBe(text.replaceAll("target", "own"));
    }
  });

  test("in an answer of megabytes in one piece", () => {
    const content = "text ".repeat(400_000);
    const answer = { content, model: TARGET, more: content };
    const request = asked(gatewayWith([rule("own")]), '{"model":"own"}');
    const { bodyText } = answered(request, [JSON.stringify(answer)]);
    expect(JSON.parse(bodyText)).toEqual({ ...answer, model: "own" });
  });

  test.each([
    ["compressed", ANSWER, { "content-encoding": "gzip" }, 1],
    ["nested too deep", `${'{"a":'.repeat(65)}1${"}".repeat(65)}`, {}, 1],
    ["an error", ANSWER, { ":status": "404" }, 0],
    ["no JSON", "RIFF", { "content-type": "audio/wav" }, 0],
  ])("and not in an answer that is %s, which is counted where it should be edited", (...row) => {
    const [, body, headers, count] = row;
    const gateway = gatewayWith([rule("own")]);
    const client = answered(asked(gateway, '{"model":"own"}'), [body], headers);
    expect(client.bodyText).toBe(body);
    expect(gateway.counter("responses_unedited")).toBe(count);
  });

  test("and not where the name is longer than 512 bytes, which is counted", () => {
    const gateway = gatewayWith([rule(null)]);
    const request = asked(gateway, JSON.stringify({ model: "x".repeat(600) }));
    expect(answered(request, [ANSWER]).bodyText).toBe(ANSWER);
    expect(gateway.counter("responses_unedited")).toBe(1);
  });

  test("nothing of an answer is read or changed where its request was not rewritten", () => {
    const gateway = gatewayWith([rule("own")]);
    const request = asked(gateway, '{"model":"other","stream":true}');
    const client = answered(request, ['data: {"model":"target"}\n\n'], {
      "content-type": "text/event-stream",
    });
    expect(client.bodyText).toContain("target");
    expect(client.headers?.get("content-length")).toBe("26");
    gateway.run(100);
    expect(gateway.told.dones.at(-1)).toMatchObject({ promptTokens: NO_COUNT });
  });
});
