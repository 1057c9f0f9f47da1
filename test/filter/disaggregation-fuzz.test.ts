// Whatever the control plane tells, model servers answer and clients do, in any order: the filter does
// not trap, sends nothing but JSON and nowhere but to endpoints of the table, and keeps count.
import { expect, test } from "vitest";
import * as wire from "../../protocol/records.ts";
import { beginResponse, DESTINATION, destinationsOf, HEADERS } from "../support/asked.ts";
import { bodyWith, imageOf } from "../support/encoding-gateway.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import {
  addressOf,
  type EndpointHint,
  type HintsHint,
  hintsFrame,
} from "../support/hints-written.ts";
import type { HttpCall } from "../support/host-emulator/calls.ts";
import type { GatewayRequest } from "../support/host-emulator/request.ts";

const SEEDS = 150;
const STEPS = 150;
const SLOTS = 8;
const CLUSTERS = ["pool", "other"];
const BOTH = wire.ROLE_PREFILL | wire.ROLE_DECODE;
const CONNECTORS = [
  wire.CONNECTOR_NIXL,
  wire.CONNECTOR_SHARED_STORAGE,
  wire.CONNECTOR_SGLANG,
  wire.CONNECTOR_MOONCAKE,
  wire.CONNECTOR_OFFLOADING,
];
const { ROLE_ENCODE, ROLE_PREFILL, ROLE_DECODE } = wire;
const ROLES = [ROLE_PREFILL, ROLE_PREFILL, ROLE_DECODE, ROLE_DECODE, BOTH, ROLE_ENCODE, 7, 0];
const MODES = [
  "active",
  "active",
  "active",
  "active",
  "active",
  "active",
  "shadow",
  "off",
] as const;
const PATHS = ["/v1/chat/completions", "/v1/completions", "/v1/messages", "/x"];
/** Failures are rare: an endpoint that has failed is left alone for a while. */
const STATUSES = [200, 200, 200, 200, 200, 200, 200, 200, 404, 500];
const ANSWERS = [
  '{"kv_transfer_params":{"a":[1]},"usage":{"prompt_tokens_details":{"cached_tokens":7}}}',
  '{"choices":[{"finish_reason":"cache_threshold"}]}',
  '{"ec_transfer_params":{"a":1},"kv_transfer_params":{"b": "é"}}',
  '{"kv_transfer_params":null,"ec_transfer_params": { "c" : [] } }',
  "{",
];
const RESPONSE =
  '{"model":"target","usage":{"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":8}}}';

/** Numbers in [0, 1) that a seed repeats. */
function numbersOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

class Traffic {
  readonly #random: () => number;
  readonly #gateway: FilteredGateway;
  readonly #open: GatewayRequest[] = [];
  /** Of the table in force. */
  #addresses = new Set<string>();
  #answered = 0;
  #encoded = 0;

  constructor(seed: number) {
    this.#random = numbersOf(seed * 7919);
    this.#gateway = new FilteredGateway({ hints: this.#table(), clusters: CLUSTERS });
  }

  run(): void {
    const ways: [until: number, step: () => void][] = [
      [0.3, () => this.#ask()],
      [0.5, () => this.#answerLeg()],
      [0.56, () => this.#tell()],
      [0.62, () => this.#gateway.run(this.#below(60))],
      [1, () => this.#goOn()],
    ];
    for (let step = 0; step < STEPS; step++) {
      const drawn = this.#random();
      ways.find(([until]) => drawn < until)?.[1]();
    }
  }

  /** Ends all; answers what is left of it. */
  end(): unknown {
    for (const request of this.#open) {
      if (!request.isOver) request.reset();
      request.done();
    }
    for (let legs = this.#legs(); legs.length > 0; legs = this.#legs()) {
      for (const leg of legs) this.#gateway.fail(leg);
    }
    return [this.#gateway.flightGauges(), this.#gateway.worker.requestCount];
  }

  get answered(): number {
    return this.#answered;
  }

  /** Of those answered, calls to encoders. */
  get encoded(): number {
    return this.#encoded;
  }

  #below(count: number): number {
    return Math.floor(this.#random() * count);
  }

  #pick<Value>(list: readonly Value[]): Value {
    return list[this.#below(list.length)]!;
  }

  #isDrawn(chance: number): boolean {
    return this.#random() < chance;
  }

  #legs(): HttpCall[] {
    return CLUSTERS.flatMap((cluster) => this.#gateway.callsTo(cluster));
  }

  #table(): Buffer {
    const mode = this.#pick(MODES);
    const numbers = this.#isDrawn(0.8) ? [0, 1] : this.#pick([[0], []]);
    const slots = Array.from({ length: SLOTS }, (_, slot) => slot);
    const endpoints = slots.filter(() => this.#isDrawn(0.85)).map((slot) => this.#endpoint(slot));
    const pools = numbers.map((number) => this.#pool(number));
    const kept = endpoints.filter(({ pool }) => numbers.includes(pool ?? 0));
    this.#addresses = new Set(kept.map(({ slot, address }) => address ?? addressOf(slot)));
    const targets = [{ model: "target", weight: 1 }];
    return hintsFrame({
      ...{ pools, endpoints },
      rewrites: this.#isDrawn(0.5) ? [{ model: this.#pick(["a", null]), pool: null, targets }] : [],
      settings: { mode, isLogged: true, heldBytesMax: 150_000 },
      models: { poolOf: { a: 0, b: 1, target: 1 } },
    });
  }

  #pool(number: number): NonNullable<HintsHint["pools"]>[number] {
    const name = this.#isDrawn(0.9) ? CLUSTERS[number]! : CLUSTERS[1 - number]!;
    if (this.#isDrawn(0.25)) return { number, name };
    const decider = this.#isDrawn(0.8) ? wire.DECIDE_ALWAYS : wire.DECIDE_TIME;
    const connector = this.#pick(CONNECTORS);
    const failure = this.#pick([wire.FAILURE_DECODE_ALONE, wire.FAILURE_ERROR]);
    const hasRoles = this.#isDrawn(0.8);
    const tries = this.#pick([1, 2, 3]);
    const encoding = { connector: this.#pick([0, 0, 1]) };
    const one = { hasRoles, decider, connector, failure, tries };
    const disaggregation = this.#isDrawn(0.6) ? { ...one, encoding } : one;
    return { number, name, disaggregation };
  }

  #endpoint(slot: number): EndpointHint {
    return {
      slot,
      pool: slot < 5 ? 0 : 1,
      roles: this.#pick(ROLES),
      group: this.#pick([0, 0, 0, 0, 1, 2]),
      engine: this.#pick(["", "engine-a", "engine-b"]),
      state: this.#isDrawn(0.85) ? wire.STATE_UP : wire.STATE_DOWN,
      ...(this.#isDrawn(0.2) && { address: `10.7.7.${this.#below(200)}:1` }),
    };
  }

  #body(): string {
    const content = `${this.#pick(["x", "y"])} tell me `.repeat(this.#below(600));
    const chat = { model: this.#pick(["a", "b", "c"]), messages: [{ role: "user", content }] };
    return this.#pick([
      JSON.stringify(chat),
      JSON.stringify({ ...chat, stream: true }),
      JSON.stringify({ cache_hit_threshold: 0.5, ...chat }),
      bodyWith(Array.from({ length: this.#below(19) }, () => imageOf(`u${this.#below(30)}`))),
      `{"kv_transfer_params":{"q":1},"model":"a","prompt":"${"p".repeat(3_000)}","n":2}`,
      "not json",
      "{}",
    ]);
  }

  #ask(): void {
    const cluster = this.#pick([...CLUSTERS, "elsewhere"]);
    const request = this.#gateway.worker.startRequest({ "xds.cluster_name": cluster });
    this.#open.push(request);
    const body = this.#body();
    request.requestHeaders({
      ...HEADERS,
      ":path": this.#pick(PATHS),
      "content-length": `${Buffer.byteLength(body)}`,
      ...(this.#isDrawn(0.3) && { "x-hintway-explain": "1" }),
      ...(this.#isDrawn(0.05) && { prefer: "if-available" }),
    });
    const cut = this.#below(body.length);
    if (cut > 0 && !request.isOver) request.requestBody(body.slice(0, cut));
    if (!request.isOver) request.requestBody(body.slice(cut), true);
    this.#expectSound(destinationsOf(request));
  }

  /** What the filter has just named is of the table. */
  #expectSound(addresses: (string | undefined)[]): void {
    for (const address of addresses) expect(this.#addresses).toContain(address);
  }

  #answerLeg(): void {
    const leg = this.#pick(this.#legs());
    if (leg === undefined) return;
    JSON.parse(Buffer.from(leg.body).toString());
    const before = new Set(this.#legs());
    const held = this.#open.filter((request) => !request.isOver && request.isPaused);
    const headers = { "content-type": "application/json" };
    const answer = { status: this.#pick(STATUSES), headers, body: this.#pick(ANSWERS) };
    if (this.#isDrawn(0.1)) this.#gateway.fail(leg);
    else this.#gateway.answer(leg, answer);
    this.#answered++;
    if (leg.headers.get("x-request-id")?.includes("-enc-")) this.#encoded++;
    const begun = this.#legs().filter((one) => !before.has(one));
    this.#expectSound(begun.map((one) => one.headers.get(DESTINATION)));
    for (const request of held) if (!request.isPaused) this.#expectSound(destinationsOf(request));
  }

  #tell(): void {
    this.#gateway.run(10);
    if (this.#gateway.poll) this.#gateway.hint(this.#table());
  }

  /** Of one request: its answer, or its client leaves. */
  #goOn(): void {
    const at = this.#below(this.#open.length);
    const request = this.#open[at];
    if (request === undefined) return;
    if (!request.isOver && request.isPaused) {
      if (this.#isDrawn(0.8)) return;
      request.reset();
    } else if (!request.isOver) this.#serve(request);
    request.done();
    this.#open.splice(at, 1);
  }

  #serve(request: GatewayRequest): void {
    const { headers, body, bodyText } = request.sentToEndpoint;
    if (bodyText.startsWith("{")) JSON.parse(bodyText);
    expect(headers?.get("content-length")).toBe(`${body.length}`);
    const named = destinationsOf(request);
    const served = this.#isDrawn(0.1) ? this.#pick(named) : named[0];
    const address = served ?? addressOf(this.#below(SLOTS));
    beginResponse(request, { address, status: this.#pick(STATUSES) });
    const cut = this.#below(RESPONSE.length);
    // Response headers may wait for prefill, which may end the request now.
    if (this.#isDrawn(0.3)) this.#answerLeg();
    if (request.isOver) return;
    request.responseBody(RESPONSE.slice(0, cut));
    if (this.#isDrawn(0.3)) this.#answerLeg();
    if (request.isOver) return;
    if (this.#isDrawn(0.2)) {
      request.reset();
      return;
    }
    request.responseBody(RESPONSE.slice(cut), true);
    JSON.parse(request.sentToClient.bodyText);
  }
}

test("nothing traps, goes astray or stays in flight, whatever comes in any order", () => {
  let answered = 0;
  let encoded = 0;
  for (let seed = 1; seed <= SEEDS; seed++) {
    const traffic = new Traffic(seed);
    traffic.run();
    expect(traffic.end(), `seed ${seed}`).toEqual([{}, 0]);
    answered += traffic.answered;
    encoded += traffic.encoded;
  }
  expect(answered).toBeGreaterThan(SEEDS * 2);
  expect(encoded).toBeGreaterThan(SEEDS);
});
