import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Component, startSimulator } from "../support/components.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { until } from "../support/until.ts";

const FAST = ["--speed", "100"];
/** Of simulated time: a slow machine must not outlast what computed blocks wait for decode. */
const LEASE = ["--kv-lease-ms", "3000000"];
const PAIR = [...FAST, ...LEASE, "--kv-connector", "nixlv2"];
const FLAGS = ["--probe-period-ms", "100"];

interface Transfers {
  counts: { prefill: number; decode: number; encode: number; failed: number };
  encoded: { made: number; fetched: number };
  legs: { kind: string; requestId: string }[];
}

let encoders: Component[] = [];
let readers: Component[] = [];
let prefill: Component;
let decode: Component;
/** Encoders, and servers that read and answer; and encoders, prefill and decode each apart. */
let encodePrefillDecode: RoleGateway;
let encodeDecode: RoleGateway;

const portOf = ({ url }: Component) => Number(new URL(url).port);

beforeAll(async () => {
  encoders = [
    await startSimulator([...FAST, "--role", "encode"]),
    await startSimulator([...FAST, "--role", "encode"]),
  ];
  readers = [await startSimulator(FAST), await startSimulator(FAST)];
  prefill = await startSimulator([...PAIR, "--role", "prefill"]);
  decode = await startSimulator([...PAIR, "--role", "decode"]);
  const encode = encoders.map(portOf);
  encodeDecode = await startRoleGateway(
    { encode, decode: readers.map(portOf) },
    { workers: 2, flags: FLAGS },
  );
  encodePrefillDecode = await startRoleGateway(
    { encode, prefill: [portOf(prefill)], decode: [portOf(decode)] },
    { flags: FLAGS },
  );
  for (const gateway of [encodeDecode, encodePrefillDecode]) {
    await until("media to be encoded elsewhere", async () => {
      const before = (await transfersOf(...encoders)).counts.encode;
      await ask(gateway, ["first"]).catch(() => undefined);
      return (await transfersOf(...encoders)).counts.encode > before;
    });
  }
}, 240_000);

afterAll(async () => {
  await encodeDecode?.stop();
  await encodePrefillDecode?.stop();
  for (const server of [...encoders, ...readers, prefill, decode]) await server?.stop();
});

async function transfersOf(...servers: Component[]): Promise<Transfers> {
  const states = await Promise.all(
    servers.map(async ({ url }) => (await (await fetch(`${url}/sim/state`)).json()).transfers),
  );
  const [first, ...others] = states as [Transfers, ...Transfers[]];
  for (const other of others) {
    for (const kind of ["prefill", "decode", "encode", "failed"] as const) {
      first.counts[kind] += other.counts[kind];
    }
    first.encoded.made += other.encoded.made;
    first.encoded.fetched += other.encoded.fetched;
    first.legs.push(...other.legs);
  }
  return first;
}

function clientOf({ url }: RoleGateway): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 20_000 });
}

let number = 0;
/** Names of images become URLs that no test before has used. */
function messages(images: readonly string[]): OpenAI.ChatCompletionMessageParam[] {
  const run = number++;
  const parts = images.map((name) => ({
    type: "image_url" as const,
    image_url: { url: `https://images.example/${run}/${name}.png` },
  }));
  return [{ role: "user", content: [{ type: "text", text: "what is this?" }, ...parts] }];
}

function ask(gateway: RoleGateway, images: readonly string[]): Promise<OpenAI.ChatCompletion> {
  const body = { model: "hintway-sim", max_tokens: 5, messages: messages(images) };
  return clientOf(gateway).chat.completions.create(body);
}

async function expectNothingInFlight(gateway: RoleGateway): Promise<void> {
  await until("nothing to be in flight", async () => {
    const gauges = await gateway.statistics("hintway\\.slot_.*\\.(requests|prefill_bytes)$");
    return [...gauges.values()].reduce((sum, value) => sum + value, 0) === 0;
  });
}

describe("on a real Envoy, media are encoded by servers that check every field,", () => {
  test("and fetched by the one that reads the prompt and answers", async () => {
    const before = await transfersOf(...encoders, ...readers);
    const answer = await ask(encodeDecode, ["cat", "dog", "cat"]);
    expect(answer.usage?.completion_tokens).toBe(5);
    const after = await transfersOf(...encoders, ...readers);
    expect(after.counts.encode - before.counts.encode).toBe(2);
    expect(after.encoded.fetched - before.encoded.fetched).toBe(2);
    expect(after.counts.failed).toBe(0);
    await expectNothingInFlight(encodeDecode);
  });

  test("and by prefill, with decode on a third", async () => {
    const before = await transfersOf(...encoders, prefill, decode);
    const answer = await ask(encodePrefillDecode, ["cat", "dog"]);
    expect(answer.usage?.completion_tokens).toBe(5);
    const after = await transfersOf(...encoders, prefill, decode);
    const done = (kind: "encode" | "prefill" | "decode") =>
      after.counts[kind] - before.counts[kind];
    expect([done("encode"), done("prefill"), done("decode")]).toEqual([2, 1, 1]);
    expect(after.counts.failed).toBe(0);
    await expectNothingInFlight(encodePrefillDecode);
  });

  test("with one identifier on all legs, and the medium's number on those of encoders", async () => {
    await ask(encodePrefillDecode, ["cat", "dog"]);
    const [read, decoded, encoded] = await Promise.all(
      [[prefill], [decode], encoders].map(async (servers) => (await transfersOf(...servers)).legs),
    );
    const id = read!.at(-1)!.requestId;
    expect(decoded!.at(-1)!.requestId).toBe(id);
    const own = encoded!.map(({ requestId }) => requestId).filter((one) => one.startsWith(id));
    expect(own.sort()).toEqual([`${id}-enc-0`, `${id}-enc-1`]);
  });

  test.each(["encode-decode", "encode-prefill-decode"])("in streams, %s", async (which) => {
    const gateway = which === "encode-decode" ? encodeDecode : encodePrefillDecode;
    const streams = Array.from({ length: 16 }, async (_, at) => {
      const stream = await clientOf(gateway).chat.completions.create({
        ...{ model: "hintway-sim", max_tokens: 8, stream: true as const },
        ...{ stream_options: { include_usage: true }, messages: messages([`a${at % 3}`, "b"]) },
      });
      let tokens = 0;
      for await (const chunk of stream) tokens = chunk.usage?.completion_tokens ?? tokens;
      return tokens;
    });
    expect(new Set(await Promise.all(streams))).toEqual(new Set([8]));
    const all = await transfersOf(...encoders, ...readers, prefill, decode);
    expect(all.counts.failed).toBe(0);
    await expectNothingInFlight(gateway);
  });

  test("and counted by what was decided", async () => {
    const text = await until("the decision to be counted", async () => {
      const page = await (await fetch(`${encodePrefillDecode.controlPlane.url}/metrics`)).text();
      return page.includes('decision_type="encode-prefill-decode"') ? page : undefined;
    });
    expect(text).toMatch(/hintway_encode_legs_total\{.*outcome="served"\} [1-9]/);
    expect(text).not.toContain('outcome="refused"');
  });
});
