import { expect, test } from "vitest";
import { freePort } from "../../support/components.ts";
import { startedServer } from "../started-server.ts";
import { type Answered, ask, cachedOf, failuresOf, type Pair, startedPair } from "./pair.ts";

/** Above 2^53, where a number of JavaScript would be another room. */
const ROOM = "1764331234567890123";

function portOf({ prefill }: Pair): number {
  return Number(new URL(prefill.url).port);
}

/** A body whose room is written as it stands. */
function sglangBody(port: number, room: string, more: object = {}): string {
  const body = { messages: [{ role: "user", content: "hello" }], max_tokens: 4, ...more };
  const fields = { ...body, bootstrap_host: "127.0.0.1", bootstrap_port: port, bootstrap_room: 0 };
  return JSON.stringify(fields).replace('"bootstrap_room":0', `"bootstrap_room":${room}`);
}

function sglang(pair: Pair) {
  const port = portOf(pair);
  const send = (server: Pair["prefill"], room: string) =>
    server.post("/v1/chat/completions", sglangBody(port, room));
  return {
    prefill: (room: string) => send(pair.prefill, room),
    decode: (room: string) => send(pair.decode, room),
  };
}

test("SGLang's legs meet in a room, whichever comes first, and the prefill makes one token", async () => {
  const pair = await startedPair("sglang");
  const legs = sglang(pair);
  for (const order of [
    ["prefill", "decode"],
    ["decode", "prefill"],
  ] as const) {
    const room = `${ROOM.slice(0, -1)}${order[0].length % 7}`;
    const sent = order.map((leg) => legs[leg](room));
    const answers = await Promise.all(sent.map(async (answer) => (await answer).json()));
    const tokens = answers.map(({ usage }) => usage.completion_tokens);
    expect(Object.fromEntries(order.map((leg, at) => [leg, tokens[at]]))).toEqual({
      prefill: 1,
      decode: 4,
    });
  }
});

test("a room further inside of a body is nobody's", async () => {
  const pair = await startedPair("sglang");
  const nested = (room: string) =>
    sglangBody(portOf(pair), room).replace(/}$/, ',"more":{"bootstrap_room":7}}');
  const legs = [pair.prefill, pair.decode].map((server) =>
    server.post("/v1/chat/completions", nested(ROOM)),
  );
  expect((await Promise.all(legs)).map(({ status }) => status)).toEqual([200, 200]);
  const [inNested, without] = ["7", "null"].map((room) =>
    pair.prefill.post("/v1/chat/completions", nested(room)),
  );
  const partner = pair.decode.post("/v1/chat/completions", sglangBody(portOf(pair), "7"));
  expect((await inNested)!.status).toBe(200);
  expect((await partner).status).toBe(200);
  expect((await without)!.status).toBe(400);
});

test("rooms that differ above 2^53 are two rooms, and one used twice is refused", async () => {
  const pair = await startedPair("sglang");
  const legs = sglang(pair);
  const next = `${ROOM.slice(0, -1)}4`;
  const both = (room: string) => Promise.all([legs.prefill(room), legs.decode(room)]);
  expect((await both(ROOM)).map(({ status }) => status)).toEqual([200, 200]);
  expect((await both(next)).map(({ status }) => status)).toEqual([200, 200]);
  for (const answer of await both(ROOM)) {
    expect(answer.status).toBe(400);
    expect((await answer.json()).error.param).toBe("bootstrap_room");
  }
  expect(await failuresOf(pair.decode)).toEqual(["bootstrap_room"]);
});

test("an SGLang decode waits where the prefill fails, until its client leaves", async () => {
  const pair = await startedPair("sglang");
  const leaving = new AbortController();
  const decode = fetch(`${pair.decode.url}/v1/chat/completions`, {
    method: "POST",
    body: sglangBody(portOf(pair), ROOM, { stream: true }),
    signal: leaving.signal,
  });
  const failed = await pair.prefill.post("/v1/chat/completions", sglangBody(portOf(pair), ROOM), {
    "x-sim-fault": "status-500",
  });
  expect(failed.status).toBe(500);
  expect((await decode).status).toBe(200);
  await expect.poll(() => pair.decode.server.transfers.arriving).toBe(1);
  leaving.abort();
  await expect.poll(() => pair.decode.server.transfers.arriving).toBe(0);
  expect(pair.decode.server.engine.scheduler.running.length).toBe(0);
});

test("an SGLang server refuses a request whose bootstrap is missing or another's", async () => {
  const pair = await startedPair("sglang");
  const refused = async (server: Pair["prefill"], more: object) => (await ask(server, more)).field;
  expect(await refused(pair.decode, {})).toBe("bootstrap_host");
  expect(await refused(pair.decode, { bootstrap_host: "127.0.0.1" })).toBe("bootstrap_port");
  const place = { bootstrap_host: "127.0.0.1", bootstrap_port: portOf(pair) };
  expect(await refused(pair.decode, place)).toBe("bootstrap_room");
  expect(await refused(pair.decode, { ...place, bootstrap_room: "7" })).toBe("bootstrap_room");
  const wrong = { ...place, bootstrap_port: 1, bootstrap_room: 7 };
  expect(await refused(pair.prefill, wrong)).toBe("bootstrap_port");
  expect(await refused(pair.decode, wrong)).toBe("bootstrap_host");
});

function mooncakeLegs(id: string, port: number, engineId: string) {
  const address = { remote_bootstrap_addr: `http://127.0.0.1:${port}`, remote_engine_id: engineId };
  return {
    prefill: {
      max_tokens: 1,
      kv_transfer_params: { do_remote_prefill: false, do_remote_decode: true, transfer_id: id },
    },
    decode: {
      kv_transfer_params: {
        ...{ do_remote_prefill: true, do_remote_decode: false, transfer_id: id },
        ...address,
      },
    },
  };
}

async function engineOf(url: string, rank: number): Promise<string> {
  return (await (await fetch(`${url}/query`)).json())[String(rank)].engine_id;
}

test("Mooncake's engines are told at the bootstrap port, and its legs meet by a transfer id", async () => {
  const bootstrapPort = await freePort();
  const shared = { connector: "mooncake", kvLeaseMs: 600_000_000 };
  const prefill = await startedServer({ ...shared, bootstrapPort, dataParallel: 2 });
  const decode = await startedServer(shared);
  const engineId = await engineOf(`http://127.0.0.1:${bootstrapPort}`, 1);
  const legs = mooncakeLegs("xfer-1", bootstrapPort, engineId);
  const waiting = ask(decode, legs.decode);
  const first = await ask(prefill, legs.prefill, { "x-data-parallel-rank": "1" });
  expect(first.body.choices[0]?.finish_reason).toBe("length");
  expect(cachedOf(await waiting)).toBeGreaterThan(1000);
  expect((await ask(prefill, legs.prefill)).field).toBe("kv_transfer_params.transfer_id");
  expect((await ask(decode, legs.decode)).field).toBe("kv_transfer_params.transfer_id");
});

test("a Mooncake leg with the engine of another rank, or without its fields, is refused", async () => {
  const pair = await startedPair("mooncake", { dataParallel: 2 });
  const legs = mooncakeLegs("xfer-2", portOf(pair), await engineOf(pair.prefill.url, 1));
  await ask(pair.prefill, legs.prefill, { "x-data-parallel-rank": "0" });
  expect((await ask(pair.decode, legs.decode)).field).toBe("kv_transfer_params.remote_engine_id");
  const { transfer_id: _, ...without } = legs.decode.kv_transfer_params;
  const refused = await ask(pair.decode, { kv_transfer_params: without });
  expect(refused.field).toBe("kv_transfer_params.transfer_id");
  const rank = await ask(pair.prefill, legs.prefill, { "x-data-parallel-rank": "2" });
  expect(rank.field).toBe("x-data-parallel-rank");
});

test("an offloading decode finds its prefill by request id, host and port", async () => {
  const pair = await startedPair("offloading");
  const place = { remote_host: "127.0.0.1", remote_port: portOf(pair) };
  const legs = (id: string) => ({
    prefill: { max_tokens: 1, kv_transfer_params: { remote_decoder: { kv_request_id: id } } },
    decode: { kv_transfer_params: { remote_prefiller: { kv_request_id: id, ...place } } },
  });
  const both = (id: string): Promise<Answered[]> =>
    Promise.all([ask(pair.decode, legs(id).decode), ask(pair.prefill, legs(id).prefill)]);
  const [decode, prefill] = await both("one");
  expect([decode?.status, prefill?.status]).toEqual([200, 200]);
  expect(cachedOf(decode as Answered)).toBeGreaterThan(1000);
  const again = await both("one");
  expect(again.map(({ field }) => field)).toEqual([
    "kv_transfer_params.kv_request_id",
    "kv_transfer_params.kv_request_id",
  ]);
  const missing = { kv_transfer_params: { remote_prefiller: { kv_request_id: "two" } } };
  expect((await ask(pair.decode, missing)).field).toBe(
    "kv_transfer_params.remote_prefiller.remote_host",
  );
});
