import { expect, test } from "vitest";
import { temporaryFolder } from "../../support/components.ts";
import { chat, type StartedServer, startedServer } from "../started-server.ts";
import { ask, CHAT_PATH, cachedOf, failuresOf, PROMPT } from "./pair.ts";

test("a request under its cache_hit_threshold ends before its first token, and says why", async () => {
  const server = await startedServer();
  const cold = await ask(server, { cache_hit_threshold: 0.5 });
  expect(cold.status).toBe(200);
  expect(cold.body.choices[0]).toMatchObject({
    finish_reason: "cache_threshold",
    message: { content: "" },
  });
  expect(cold.body.usage.completion_tokens).toBe(0);
  const stream = await server.post(
    CHAT_PATH,
    chat(PROMPT, { cache_hit_threshold: 0.5, stream: true }),
  );
  expect(await stream.text()).toContain('"finish_reason":"cache_threshold"');
  await ask(server, { cache_hit_threshold: 0 });
  const warm = await ask(server, { cache_hit_threshold: 0.5 });
  expect(warm.body.choices[0]?.finish_reason).toBe("length");
  expect((await ask(server, { cache_hit_threshold: 2 })).field).toBe("cache_hit_threshold");
});

test("a server that would have to compute refuses what is preferred if available", async () => {
  const server = await startedServer();
  const headers = { prefer: "respond-async, If-Available" };
  expect((await ask(server, {}, headers)).status).toBe(412);
  await ask(server, {});
  expect((await ask(server, {}, headers)).status).toBe(200);
});

test("what one server has computed, another reads from the shared store", async () => {
  const shared = { connector: "shared-storage", kvStore: temporaryFolder() };
  const prefill = await startedServer(shared);
  const decode = await startedServer(shared);
  const probe = { cache_hit_threshold: 0.8 };
  expect((await ask(decode, probe)).body.choices[0]?.finish_reason).toBe("cache_threshold");
  expect(cachedOf(await ask(prefill, { max_tokens: 1 }))).toBe(0);
  const answer = await ask(decode, probe);
  expect(answer.body.choices[0]?.finish_reason).toBe("length");
  expect(cachedOf(answer)).toBeGreaterThan(1000);
});

const IMAGES = ["http://images/a.png", "data:image/png;base64,AAAA"];

function withImages(urls: readonly string[], more: object): object {
  const parts = urls.map((url) => ({ type: "image_url", image_url: { url } }));
  const content = [...parts, { type: "text", text: "What is this?" }];
  return { messages: [{ role: "user", content }], max_tokens: 1, ...more };
}

async function encoded(encoder: StartedServer, url: string): Promise<Record<string, object>> {
  const answer = await encoder.post(CHAT_PATH, withImages([url], {}));
  return (await answer.json()).ec_transfer_params;
}

test("an encoder says where each item's encoding is, and a prompt fetches what it tells of them", async () => {
  const encoder = await startedServer({ role: "encode" });
  const server = await startedServer();
  const params = Object.assign({}, ...(await Promise.all(IMAGES.map((u) => encoded(encoder, u)))));
  const [hash = "", other = ""] = Object.keys(params);
  expect(Object.keys(params[hash])).toEqual([
    ...["peer_host", "peer_port", "size_bytes", "nixl_agent_metadata_b64"],
  ]);
  const send = async (ec_transfer_params: object) => {
    const answer = await server.post(CHAT_PATH, withImages(IMAGES, { ec_transfer_params }));
    return [answer.status, (await answer.json()).error?.param ?? null];
  };
  const { [other]: _, ...one } = params;
  expect(await send(params)).toEqual([200, null]);
  expect(await send(one)).toEqual([200, null]);
  expect((await (await server.get("/sim/state")).json()).transfers.encoded).toMatchObject({
    fetched: 3,
    untold: 1,
  });
  expect(await send({ ...one, [other!]: "x" })).toEqual([400, `ec_transfer_params.${other}`]);
  expect(await send({ ...params, f00: params[hash] })).toEqual([400, "ec_transfer_params.f00"]);
  const moved = { ...params, [hash]: { ...params[hash], peer_port: 1 } };
  expect(await send(moved)).toEqual([502, `ec_transfer_params.${hash}.peer_host`]);
  expect((await failuresOf(server)).length).toBe(3);
  const plain = await encoder.post(CHAT_PATH, chat("no image", { max_tokens: 1 }));
  expect((await plain.json()).error.param).toBe("messages");
});
