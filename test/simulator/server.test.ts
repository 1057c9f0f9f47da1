import { connect } from "node:net";
import { expect, test } from "vitest";
import { chat, startedServer } from "./started-server.ts";

test("vLLM's generate takes token ids and gives token ids", async () => {
  const { post } = await startedServer();
  const body = { token_ids: [1, 2, 3], sampling_params: { max_tokens: 4 } };
  const whole = await (await post("/inference/v1/generate", body)).json();
  expect(whole.choices).toMatchObject([{ index: 0, finish_reason: "length" }]);
  expect(whole.choices[0].token_ids.length).toBe(4);
  const stream = await (await post("/inference/v1/generate", { ...body, stream: true })).text();
  const events = stream.split("\n\n").filter((event) => event.startsWith("data: {"));
  const ids = events.flatMap((event) => JSON.parse(event.slice(6)).choices[0].token_ids);
  expect(ids).toEqual(whole.choices[0].token_ids);
});

test("SGLang's generate takes text or ids, and its stream repeats the text so far", async () => {
  const { post } = await startedServer();
  const sampling_params = { max_new_tokens: 3 };
  const whole = await (await post("/generate", { input_ids: [7, 8, 9], sampling_params })).json();
  expect(whole.meta_info).toMatchObject({ prompt_tokens: 3, completion_tokens: 3 });
  expect(whole.meta_info.finish_reason).toEqual({ type: "length", length: 3 });
  const batch = await post("/generate", { text: ["abcdefgh", "b"], sampling_params });
  expect((await batch.json()).map((one: typeof whole) => one.meta_info.prompt_tokens)).toEqual([
    2, 1,
  ]);
  const stream = await post("/generate", { input_ids: [7, 8, 9], sampling_params, stream: true });
  const events = (await stream.text()).trim().split("\n\n");
  expect(JSON.parse((events.at(-2) ?? "").slice(6)).text).toBe(whole.text);
  expect(events.at(-1)).toBe("data: [DONE]");
});

test("a conversation's next turn finds its whole past in the cache", async () => {
  const { post } = await startedServer();
  const messages = [{ role: "user", content: "Tell me all of the sea. ".repeat(40) }];
  const ask = async () =>
    (await post("/v1/chat/completions", { messages, max_tokens: 100 })).json();
  const first = await ask();
  messages.push(first.choices[0].message, { role: "user", content: "Go on." });
  const { usage } = await ask();
  const past = first.usage.total_tokens - 1;
  expect(usage.prompt_tokens_details.cached_tokens).toBe(Math.floor(past / 16) * 16);
});

test("role, tool, image, adapter and salt each change what is found in the cache", async () => {
  const { post } = await startedServer({ adapters: ["poet"] });
  const text = "A long and steady way of saying one thing. ".repeat(30);
  const url = (name: string) => ({ type: "image_url", image_url: { url: `http://x/${name}` } });
  const cached = async (body: object) => {
    const answer = await post("/v1/chat/completions", { max_tokens: 1, ...body });
    return (await answer.json()).usage.prompt_tokens_details.cached_tokens;
  };
  const user = (content: unknown) => ({ messages: [{ role: "user", content }] });
  expect(await cached(user(text))).toBe(0);
  expect(await cached(user(text))).toBeGreaterThan(300);
  expect(await cached({ messages: [{ role: "system", content: text }] })).toBe(0);
  expect(await cached({ ...user(text), tools: [{ type: "function" }] })).toBe(0);
  expect(await cached({ ...user(text), model: "poet" })).toBe(0);
  expect(await cached({ ...user(text), cache_salt: "s" })).toBe(0);
  const withImage = (name: string) => user([url(name), { type: "text", text }]);
  expect(await cached(withImage("a"))).toBe(0);
  expect(await cached(withImage("a"))).toBeGreaterThan(500);
  expect(await cached(withImage("b"))).toBeLessThan(20);
});

test("the headers of a stream come before its first token", async () => {
  const { server, post } = await startedServer();
  server.engine.sleep();
  const response = await post("/v1/chat/completions", chat("hello", { stream: true }));
  expect(response.headers.get("content-type")).toContain("text/event-stream");
  expect(server.engine.scheduler.waiting.length).toBe(1);
  server.engine.wakeUp();
  expect(await response.text()).toContain("[DONE]");
});

test("a streamed response begins before prefill only when told to", async () => {
  const { server, post } = await startedServer({ earlyResponseCreated: true });
  server.engine.sleep();
  const response = await post("/v1/responses", { input: "sea", stream: true });
  const { value } = (await response.body?.getReader().read()) ?? {};
  expect(Buffer.from(value ?? []).toString()).toContain("response.created");
});

test("a client that leaves takes its request with it", async () => {
  const { server, url } = await startedServer({ speed: 1 });
  const leaving = new AbortController();
  const response = await fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    body: JSON.stringify(chat("hello", { stream: true, max_tokens: 10_000 })),
    signal: leaving.signal,
  });
  await response.body?.getReader().read();
  leaving.abort();
  await expect.poll(() => server.engine.scheduler.running.length).toBe(0);
  expect(server.engine.scheduler.cache.usedBlocks).toBe(0);
});

test("every answer names its server, its request, and the gateway fields it saw", async () => {
  const { server, post, get } = await startedServer();
  const body = chat("hello", {
    kv_transfer_params: {},
    bootstrap_host: "a",
    ec_transfer_params: 1,
  });
  const { headers } = await post("/v1/chat/completions", body, { "x-request-id": "abc" });
  expect(headers.get("x-sim-server")).toBe(server.address);
  expect(headers.get("x-request-id")).toBe("abc");
  expect(headers.get("x-sim-saw")).toBe("kv_transfer_params,bootstrap_host,ec_transfer_params");
  const state = await (await get("/sim/state")).json();
  expect(state.requests["/v1/chat/completions"]).toBe(1);
  expect(state.last.headers["x-request-id"]).toBe("abc");
});

test("usage hides cached tokens when told to", async () => {
  const { post } = await startedServer({ showCachedTokens: false });
  const { usage } = await (await post("/v1/chat/completions", chat("hello"))).json();
  expect(usage.prompt_tokens_details).toBe(null);
});

test("what is wrong with a body is said with its status and field", async () => {
  const { post } = await startedServer({ contextTokensMax: 100 });
  const refused = async (path: string, body: unknown) => {
    const response = await post(path, body);
    const { error } = await response.json();
    return [response.status, error.type, error.param ?? null];
  };
  expect(await refused("/v1/chat/completions", "{bad")).toEqual([400, "BadRequestError", null]);
  expect(await refused("/v1/completions", "[]")).toEqual([400, "BadRequestError", null]);
  expect(await refused("/v1/completions", {})).toEqual([400, "BadRequestError", "prompt"]);
  const noTokens = chat("hello", { max_tokens: 0 });
  expect(await refused("/v1/chat/completions", noTokens)).toEqual([
    400,
    "BadRequestError",
    "max_tokens",
  ]);
  const unknown = chat("hello", { model: "nobody" });
  expect(await refused("/v1/chat/completions", unknown)).toEqual([404, "NotFoundError", "model"]);
  expect(await refused("/v1/chat/completions", chat("x".repeat(400)))).toEqual([
    400,
    "BadRequestError",
    null,
  ]);
  expect(await refused("/v1/messages", {})).toEqual([400, "invalid_request_error", null]);
  expect(await refused("/v1/responses", {})).toEqual([400, "BadRequestError", "input"]);
  expect(await refused("/v1/embeddings", {})).toEqual([400, "BadRequestError", "input"]);
  expect(await refused("/v1/chat/completions", { messages: ["hello"] })).toEqual([
    400,
    "BadRequestError",
    "messages",
  ]);
  const manyAnswers = { token_ids: [1], sampling_params: { n: 1e9 } };
  expect(await refused("/inference/v1/generate", manyAnswers)).toEqual([
    400,
    "BadRequestError",
    "n",
  ]);
  expect(await refused("/nowhere", {})).toEqual([404, "NotFoundError", null]);
});

test("bodies to 32 MiB are read and longer ones get a 413", async () => {
  const { post } = await startedServer();
  const image = (bytes: number) => {
    const url = `data:image/png;base64,${"A".repeat(bytes)}`;
    return { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url } }] }] };
  };
  expect((await post("/v1/chat/completions", image(31 * 1024 * 1024))).status).toBe(200);
  expect((await post("/v1/chat/completions", image(32 * 1024 * 1024))).status).toBe(413);
});

test("a body without a content type is read too", async () => {
  const { server } = await startedServer();
  const [host, port] = server.address.split(":");
  const body = JSON.stringify(chat("hello"));
  const socket = connect(Number(port), host);
  socket.write(
    `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n` +
      `connection: close\r\n\r\n${body}`,
  );
  let text = "";
  for await (const chunk of socket) text += chunk;
  expect(text).toContain("HTTP/1.1 200 OK");
});

test("adapters are listed with their parent, loaded and unloaded", async () => {
  const { get, post } = await startedServer({
    adapters: ["poet=/lora/poet"],
    servedNames: ["base"],
  });
  const list = async () =>
    (await (await get("/v1/models")).json()).data.map((card: { id: string; parent: string }) => [
      card.id,
      card.parent,
    ]);
  expect(await list()).toEqual([
    ["base", null],
    ["poet", "base"],
  ]);
  const load = { lora_name: "cook", lora_path: "/lora/cook" };
  expect((await post("/v1/load_lora_adapter", load)).status).toBe(200);
  expect((await post("/v1/load_lora_adapter", load)).status).toBe(400);
  expect((await post("/v1/chat/completions", chat("hi", { model: "cook" }))).status).toBe(200);
  expect((await post("/v1/unload_lora_adapter", { lora_name: "poet" })).status).toBe(200);
  expect((await post("/v1/unload_lora_adapter", { lora_name: "poet" })).status).toBe(404);
  expect(await list()).toEqual([
    ["base", null],
    ["cook", "base"],
  ]);
});

test("a sleeping server is healthy and answers when it wakes", async () => {
  const { get, post } = await startedServer();
  await post("/sleep", "");
  expect(await (await get("/is_sleeping")).json()).toEqual({ is_sleeping: true });
  expect((await get("/health")).status).toBe(200);
  const answer = post("/v1/chat/completions", chat("hello"));
  await expect.poll(async () => (await (await get("/sim/state")).json()).waiting).toBe(1);
  await post("/wake_up", "");
  expect((await answer).status).toBe(200);
});

test("a server that is starting answers 503", async () => {
  const { get, post } = await startedServer({ startupMs: 60_000 });
  expect((await get("/health")).status).toBe(503);
  expect((await post("/v1/chat/completions", chat("hello"))).status).toBe(503);
});
