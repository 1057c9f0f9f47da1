import { execFile } from "node:child_process";
import { promisify } from "node:util";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SIMULATED_MODEL as model } from "../../start/parts.ts";
import { projectPath } from "../../start/project.ts";
import { runPython } from "../support/client-for-python.ts";
import { startWholeGateway, type WholeGateway } from "../support/components.ts";

const messages = [{ role: "user" as const, content: "What is the way to the sea?" }];

let gateway: WholeGateway;
let openai: OpenAI;
let anthropic: Anthropic;

beforeAll(async () => {
  gateway = await startWholeGateway({ simulatorFlags: ["--speed", "50"] });
  openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  anthropic = new Anthropic({ baseURL: gateway.url, apiKey: "none", maxRetries: 0 });
});

afterAll(async () => {
  await gateway?.stop();
});

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of stream) all.push(item);
  return all;
}

describe("the openai client for Node", () => {
  test("reads a chat completion, and which endpoint the gateway picked for it", async () => {
    const { data, response } = await openai.chat.completions
      .create({ model, messages, max_tokens: 5 }, { headers: { "x-hintway-explain": "1" } })
      .withResponse();
    expect(data.choices[0]?.message.content?.split(" ").length).toBe(5);
    expect(data.usage?.completion_tokens).toBe(5);
    expect(response.headers.get("x-hintway-endpoint")).toBe(response.headers.get("x-sim-server"));
  });

  test("reads a stream with the same text, and usage only when it asks for it", async () => {
    const body = { model, messages, max_tokens: 6, stream: true } as const;
    const whole = await openai.chat.completions.create({ ...body, stream: false });
    const plain = await collected(await openai.chat.completions.create(body));
    const text = plain.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(plain.every((chunk) => !chunk.usage)).toBe(true);
    const options = { include_usage: true };
    const counted = await collected(
      await openai.chat.completions.create({ ...body, stream_options: options }),
    );
    expect(counted.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
  });

  test("reads completions of a text, of texts and of token ids", async () => {
    for (const prompt of ["abcdefgh", ["abcdefgh", "xyz"], [1, 2, 3]]) {
      const answer = await openai.completions.create({ model, prompt, max_tokens: 2 });
      expect(answer.usage?.completion_tokens).toBe(2 * answer.choices.length);
    }
  });

  test("reads embeddings", async () => {
    const answer = await openai.embeddings.create({ model, input: ["one", "two"] });
    expect(answer.data.map(({ embedding }) => embedding.length)).toEqual([384, 384]);
  });

  test("reads a response, whole and as its event stream", async () => {
    const body = { model, instructions: "Be brief.", input: "Where is the sea?" };
    const whole = await openai.responses.create(body);
    expect(whole).toMatchObject({ status: "completed", usage: { output_tokens: 16 } });
    const events = await collected(await openai.responses.create({ ...body, stream: true }));
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, at) => at));
    expect(events.at(-1)).toMatchObject({
      type: "response.completed",
      response: { output: whole.output.map(({ type }) => ({ type })) },
    });
  });

  test("raises its own error for a model that nobody serves", async () => {
    const asking = openai.chat.completions.create({ model: "nobody", messages });
    await expect(asking).rejects.toThrow(OpenAI.NotFoundError);
  });
});

describe("the anthropic client", () => {
  test("reads a message, whole and as a stream", async () => {
    const body = { model, messages, max_tokens: 4 };
    const whole = await anthropic.messages.create(body);
    const [block] = whole.content;
    const streamed = await anthropic.messages.stream(body).finalMessage();
    expect(whole).toMatchObject({ stop_reason: "max_tokens", usage: { output_tokens: 4 } });
    expect(streamed.content).toMatchObject([
      { type: "text", text: block?.type === "text" ? block.text : "" },
    ]);
  });
});

describe("curl", () => {
  async function curl(args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)("curl", ["--silent", "--show-error", ...args]);
    return stdout;
  }

  test("reads the models", async () => {
    const { data } = JSON.parse(await curl([`${gateway.url}/v1/models`]));
    expect(data[0].id).toBe(model);
  });

  test("reads a chat completion and a stream to its last line", async () => {
    const url = `${gateway.url}/v1/chat/completions`;
    const body = { model, messages, max_tokens: 3 };
    const json = ["--header", "content-type: application/json", "--data"];
    const whole = JSON.parse(await curl([url, ...json, JSON.stringify(body)]));
    expect(whole.usage.completion_tokens).toBe(3);
    const streamed = await curl([url, ...json, JSON.stringify({ ...body, stream: true })]);
    expect(streamed.trim().split("\n").at(-1)).toBe("data: [DONE]");
  });
});

describe("the openai client for Python", () => {
  // The package is fetched on the first run.
  const timeoutMs = 180_000;

  test(
    "reads a chat completion, a stream with the same text, and embeddings",
    async () => {
      const script = projectPath("test", "system", "clients.py");
      const got = JSON.parse(await runPython(script, [gateway.url, model]));
      expect(got).toMatchObject({ completionTokens: 5, embeddings: [384, 384] });
      expect(got.streamed).toBe(got.chat);
    },
    timeoutMs,
  );
});
