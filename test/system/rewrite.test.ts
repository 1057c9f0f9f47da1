import { writeFileSync } from "node:fs";
import { join } from "node:path";
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startWholeGateway, temporaryFolder, type WholeGateway } from "../support/components.ts";
import { until } from "../support/until.ts";

const REWRITES = `
modelRewrites:
  - matches: [{ model: { value: split } }]
    targets: [{ modelRewrite: v1, weight: 75 }, { modelRewrite: v2, weight: 25 }]
  - matches: [{ model: { value: sql } }]
    targets: [{ modelRewrite: adapter }]
  - matches: [{ model: { value: ${"long-".repeat(20)} } }]
    targets: [{ modelRewrite: v1 }]
`;
const SIMULATOR = [
  "--speed",
  "50",
  "--served-model-name",
  "v1,v2,hintway-sim",
  "--lora-modules",
  "adapter=/a",
];
const messages = [{ role: "user" as const, content: "What is the way to the sea?" }];
const NAMES = ["split", "sql", "long-".repeat(20)];

async function collected<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of stream) all.push(item);
  return all;
}

describe.each(["pause", "buffer"] as const)("with rewrites and attachment %s", (attachment) => {
  let gateway: WholeGateway;
  let openai: OpenAI;
  const settings = join(temporaryFolder(), "settings.yaml");

  beforeAll(async () => {
    writeFileSync(settings, REWRITES);
    gateway = await startWholeGateway({
      attachment,
      simulatorFlags: SIMULATOR,
      controlPlaneFlags: ["--settings", settings],
    });
    openai = new OpenAI({ baseURL: `${gateway.url}/v1`, apiKey: "none", maxRetries: 0 });
  });

  afterAll(async () => {
    await gateway?.stop();
  });

  test("the openai client sees the model that it asked for, whole and streamed", async () => {
    for (const model of NAMES) {
      const body = { model, messages, max_tokens: 5 };
      const whole = await openai.chat.completions.create(body);
      expect(whole).toMatchObject({ model, usage: { completion_tokens: 5 } });
      const chunks = await collected(
        await openai.chat.completions.create({ ...body, stream: true }),
      );
      expect(chunks.length).toBeGreaterThanOrEqual(5);
      expect(new Set(chunks.map((chunk) => chunk.model))).toEqual(new Set([model]));
      const response = await openai.responses.create({ model, input: "Where?" });
      expect(response.model).toBe(model);
      const events = await collected(
        await openai.responses.create({ model, input: "Where?", stream: true }),
      );
      const named = events.flatMap((event) => ("response" in event ? [event.response.model] : []));
      expect(new Set(named)).toEqual(new Set([model]));
    }
  });

  test("the anthropic client sees it too", async () => {
    const anthropic = new Anthropic({ baseURL: gateway.url, apiKey: "none", maxRetries: 0 });
    const body = { model: "split", messages, max_tokens: 4 };
    expect((await anthropic.messages.create(body)).model).toBe("split");
    expect((await anthropic.messages.stream(body).finalMessage()).model).toBe("split");
  });

  test("a body of 1.5 MB arrives whole", async () => {
    const content = "words ".repeat(250_000);
    const body = { model: "sql", messages: [{ role: "user" as const, content }], max_tokens: 1 };
    const answer = await openai.chat.completions.create(body);
    expect(answer.model).toBe("sql");
    expect(answer.usage?.prompt_tokens).toBeGreaterThan(370_000);
  });

  test("requests are split by the weights", async () => {
    const served = async (model: string) => {
      const text = await (await fetch(`${gateway.controlPlane.url}/metrics`)).text();
      const lines = text.split("\n").filter((line) => line.startsWith("llm_d_epp_request_total"));
      const own = lines.filter((line) => line.includes(`model_name="${model}"`));
      return own.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
    };
    const before = { v1: await served("v1"), v2: await served("v2") };
    const count = 400;
    for (let batch = 0; batch < count / 20; batch++) {
      const asked = Array.from({ length: 20 }, () =>
        openai.chat.completions.create({ model: "split", messages, max_tokens: 1 }),
      );
      for (const { model } of await Promise.all(asked)) expect(model).toBe("split");
    }
    const split = { v1: 0, v2: 0 };
    await until("all to be reported", async () => {
      split.v1 = (await served("v1")) - before.v1;
      split.v2 = (await served("v2")) - before.v2;
      return split.v1 + split.v2 >= count;
    });
    // Within four standard deviations: 8.7 each.
    expect(Math.abs(split.v2 - count / 4)).toBeLessThan(35);
  });

  test("a changed file is in force without a restart, and a wrong one is refused by name", async () => {
    const { pathname } = new URL(`file://${settings}`);
    writeFileSync(pathname, REWRITES.replace("value: sql", "value: sql2"));
    const serves = async (model: string) =>
      openai.chat.completions.create({ model, messages, max_tokens: 1 }).then(
        () => true,
        () => false,
      );
    // One worker may have it a moment before the other.
    await until("the changed rule", () => serves("sql2"));
    await until("the old one to be gone", async () => !(await serves("sql")));
    writeFileSync(pathname, REWRITES.replace("weight: 25", "weight: 0"));
    const status = async () =>
      (await fetch(`${gateway.controlPlane.url}/status?format=json`)).text();
    await until("the refusal", async () =>
      (await status()).includes("modelRewrites[0].targets[1]"),
    );
    expect(await serves("sql2")).toBe(true);
  });
});
