import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { expect, test } from "vitest";
import { startedServer } from "./started-server.ts";

const MODEL = "hintway-sim";
const messages = [{ role: "user" as const, content: "What is the way to the sea?" }];

async function openai(): Promise<OpenAI> {
  const { url } = await startedServer();
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
}

async function anthropic(): Promise<Anthropic> {
  const { url } = await startedServer();
  return new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0 });
}

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of stream) all.push(item);
  return all;
}

test("the openai client reads a chat completion", async () => {
  const client = await openai();
  const answer = await client.chat.completions.create({ model: MODEL, messages, max_tokens: 5 });
  expect(answer.choices[0]?.message.content?.split(" ").length).toBe(5);
  expect(answer.choices[0]?.finish_reason).toBe("length");
  expect(answer.usage).toMatchObject({ completion_tokens: 5 });
  expect(answer.usage?.total_tokens).toBe((answer.usage?.prompt_tokens ?? 0) + 5);
});

test("a request without a limit gets 16 tokens and stops by itself", async () => {
  const client = await openai();
  const answer = await client.chat.completions.create({ model: MODEL, messages });
  expect(answer.usage?.completion_tokens).toBe(16);
  expect(answer.choices[0]?.finish_reason).toBe("stop");
});

test("the openai client reads a chat stream, one event a token, usage only when asked for", async () => {
  const client = await openai();
  const body = { model: MODEL, messages, max_tokens: 6, stream: true } as const;
  const whole = await client.chat.completions.create({ ...body, stream: false });
  const plain = await collected(await client.chat.completions.create(body));
  expect(plain.length).toBe(7);
  expect(plain.every((chunk) => !chunk.usage)).toBe(true);
  const text = plain.map((chunk) => chunk.choices[0]?.delta.content).join("");
  expect(text).toBe(whole.choices[0]?.message.content);
  expect(plain.at(-1)?.choices[0]?.finish_reason).toBe("length");
  const counted = await collected(
    await client.chat.completions.create({ ...body, stream_options: { include_usage: true } }),
  );
  expect(counted.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
});

test("the openai client reads several choices, streamed or not", async () => {
  const client = await openai();
  const body = { model: MODEL, messages, max_tokens: 3, n: 2 };
  const whole = await client.chat.completions.create(body);
  expect(whole.choices.map((choice) => choice.index)).toEqual([0, 1]);
  expect(whole.usage?.completion_tokens).toBe(6);
  const stream = await collected(await client.chat.completions.create({ ...body, stream: true }));
  const ends = stream.filter((chunk) => chunk.choices[0]?.finish_reason === "length");
  expect(ends.map((chunk) => chunk.choices[0]?.index).sort()).toEqual([0, 1]);
});

test("the openai client reads completions of a text, of texts and of token ids", async () => {
  const client = await openai();
  const create = (prompt: string | string[] | number[] | number[][]) =>
    client.completions.create({ model: MODEL, prompt, max_tokens: 2 });
  expect((await create("abcdefgh")).usage?.prompt_tokens).toBe(2);
  const both = await create(["abcdefgh", "xyz"]);
  expect(both.choices.map((choice) => choice.index)).toEqual([0, 1]);
  expect(both.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 4 });
  expect((await create([1, 2, 3])).usage?.prompt_tokens).toBe(3);
  expect((await create([[1], [2, 3]])).choices.length).toBe(2);
});

test("the openai client reads streamed completions", async () => {
  const client = await openai();
  const stream = await client.completions.create({
    model: MODEL,
    prompt: "once",
    max_tokens: 3,
    stream: true,
  });
  expect((await collected(stream)).map((chunk) => chunk.choices[0]?.finish_reason)).toEqual([
    null,
    null,
    "length",
  ]);
});

test("the openai client reads embeddings, as base64 and as numbers", async () => {
  const client = await openai();
  const packed = await client.embeddings.create({ model: MODEL, input: ["one", "two"] });
  expect(packed.data.map((item) => item.embedding.length)).toEqual([384, 384]);
  const plain = await client.embeddings.create({
    model: MODEL,
    input: "one",
    encoding_format: "float",
  });
  const first = plain.data[0]?.embedding as number[];
  expect(packed.data[0]?.embedding).toEqual(first);
  expect(first.reduce((sum, x) => sum + x * x, 0)).toBeCloseTo(1, 1);
});

test("the openai client reads a response, whole and as its event stream", async () => {
  const client = await openai();
  const body = { model: MODEL, instructions: "Be brief.", input: "Where is the sea?" };
  const whole = await client.responses.create(body);
  expect(whole).toMatchObject({ status: "completed", usage: { output_tokens: 16 } });
  expect(whole.output_text.split(" ").length).toBe(16);
  const events = await collected(await client.responses.create({ ...body, stream: true }));
  expect([...new Set(events.map((event) => event.type))]).toEqual([
    "response.created",
    "response.in_progress",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.completed",
  ]);
  expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
  const final = await client.responses.stream(body).finalResponse();
  expect(final.output_text).toBe(whole.output_text);
  expect(final.usage?.input_tokens_details.cached_tokens).toBeGreaterThanOrEqual(0);
});

test("a response cut by max_output_tokens is incomplete", async () => {
  const client = await openai();
  const cut = await client.responses.create({ model: MODEL, input: "sea", max_output_tokens: 3 });
  expect(cut.status).toBe("incomplete");
  expect(cut.incomplete_details?.reason).toBe("max_output_tokens");
});

test("the anthropic client reads a message, its cached input counted apart", async () => {
  const client = await anthropic();
  const system = "You know every way to the sea. ".repeat(20);
  const body = { model: MODEL, system, messages, max_tokens: 5 };
  const cold = await client.messages.create(body);
  const warm = await client.messages.create(body);
  expect(cold.content[0]).toMatchObject({ type: "text" });
  expect(cold.stop_reason).toBe("max_tokens");
  expect(cold.usage).toMatchObject({ cache_read_input_tokens: 0, output_tokens: 5 });
  expect(warm.usage.cache_read_input_tokens).toBeGreaterThan(100);
  expect(warm.usage.input_tokens + (warm.usage.cache_read_input_tokens ?? 0)).toBe(
    cold.usage.input_tokens,
  );
});

test("the anthropic client reads a stream of named events", async () => {
  const client = await anthropic();
  const body = { model: MODEL, messages, max_tokens: 4 };
  const whole = await client.messages.create(body);
  const final = await client.messages.stream(body).finalMessage();
  expect(final.content).toMatchObject([{ type: "text", text: (whole.content[0] as Text).text }]);
  expect(final.stop_reason).toBe("max_tokens");
  expect(final.usage.output_tokens).toBe(4);
});

interface Text {
  text: string;
}

test("the clients raise their own errors for an unknown model", async () => {
  const model = "nobody";
  await expect((await openai()).chat.completions.create({ model, messages })).rejects.toThrow(
    OpenAI.NotFoundError,
  );
  await expect(
    (await anthropic()).messages.create({ model, messages, max_tokens: 1 }),
  ).rejects.toThrow(Anthropic.NotFoundError);
});
