import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import OpenAI, { NotFoundError } from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ask, candidateOf, prose } from "../support/asking.ts";
import {
  type Component,
  type ControlPlane,
  type Envoy,
  startControlPlane,
  startEnvoy,
  startSimulators,
  temporaryFolder,
} from "../support/components.ts";
import { settle, until } from "../support/until.ts";

const running: { stop(): Promise<void> }[] = [];
const file = join(temporaryFolder(), "pools.yaml");
/** Model servers by the name of their pool, which is that of their model too. */
const servers = new Map<string, Component[]>();
let controlPlane: ControlPlane;
let envoy: Envoy;
let openai: OpenAI;

beforeAll(async () => {
  for (const name of ["qwen", "llama"]) {
    const started = await startSimulators(2, ["--speed", "50", "--model", name]);
    servers.set(name, started);
    running.push(...started);
  }
  list("qwen", "llama");
  controlPlane = await startControlPlane({ pool: [file] });
  running.push(controlPlane);
  envoy = await startEnvoy({ controlPlane, workers: 2 });
  running.push(envoy);
  openai = new OpenAI({ baseURL: `${envoy.url}/v1`, apiKey: "none", maxRetries: 0 });
  await untilEach("both models are served", async () => {
    const answers = await Promise.all([asked("qwen", "hello"), asked("llama", "hello")]);
    return answers.every(({ status }) => status === 200);
  });
});

afterAll(async () => {
  for (const one of running.splice(0).reverse()) await one.stop();
});

/** Writes the pool file with these pools. */
function list(...names: string[]): void {
  const pools = names.map((name) => ({
    name,
    endpoints: servers.get(name)!.map(({ port }, index) => {
      return { name: `${name}-${index}`, address: "127.0.0.1", port };
    }),
  }));
  writeFileSync(file, JSON.stringify({ pools }));
}

function asked(model: string, content: string) {
  const body = { model, messages: [{ role: "user", content }], max_tokens: 2 };
  return ask(envoy.url, { body });
}

function addressesOf(name: string): string[] {
  return servers.get(name)!.map(({ address }) => address);
}

/** Until it is so several times in a row: each worker takes hints by itself. */
async function untilEach(what: string, check: () => Promise<boolean>): Promise<void> {
  await until(what, async () => {
    for (let again = 0; again < 8; again++) if (!(await check())) return false;
    return true;
  });
}

describe("two pools with a model each, on one gateway", () => {
  test.each(["qwen", "llama"])("%s's prefixes are followed in its own pool", async (model) => {
    const content = prose(`to ${model}`, 6_000);
    const first = await asked(model, content);
    expect(first.status).toBe(200);
    expect(first.explanation?.pool).toBe(model);
    expect(addressesOf(model)).toContain(first.headers["x-sim-server"]);
    await settle();
    for (let again = 0; again < 8; again++) {
      const answer = await asked(model, content);
      expect(answer.headers["x-sim-server"]).toBe(first.endpoint);
      expect(candidateOf(answer, first.endpoint)?.matchedKeys).toBe(answer.explanation?.keys);
    }
  });

  test("the openai client lists the models of both, and streams from each", async () => {
    const models = await openai.models.list();
    expect(models.data.map(({ id }) => id).toSorted()).toEqual(["llama", "qwen"]);
    for (const { id: model } of models.data) {
      const messages = [{ role: "user" as const, content: "hello" }];
      const chunks = await openai.chat.completions.create({ model, messages, stream: true });
      for await (const chunk of chunks) expect(chunk.model).toBe(model);
    }
  });

  test("a model that neither serves is not found, as the openai client sees it", async () => {
    const completion = openai.completions.create({ model: "gpt-5", prompt: "hello" });
    const error = await completion.catch((refused: unknown) => refused);
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ status: 404, code: "model_not_found", param: null });
    expect(String(error)).toContain("The model `gpt-5` does not exist");
  });

  test("a pool that leaves takes its model along, and brings it back", async () => {
    list("qwen");
    // The one that is left serves whatever is asked for: its own server says what it has not.
    await untilEach("llama's pool is gone", async () => {
      const { explanation, status } = await asked("llama", "hello");
      return explanation?.pool === "qwen" && status === 404;
    });
    expect((await asked("qwen", "hello")).status).toBe(200);
    list("qwen", "llama");
    await untilEach("it is back", async () => {
      const { explanation, status } = await asked("llama", "hello");
      return explanation?.pool === "llama" && status === 200;
    });
  });

  test("a pool that comes has its model found, and never a gateway's failure before", async () => {
    const [server] = await startSimulators(1, ["--speed", "50", "--model", "gemma"]);
    running.push(server!);
    servers.set("gemma", [server!]);
    list("qwen", "llama", "gemma");
    const statuses = new Set<number>();
    await untilEach("gemma is served", async () => {
      const { status } = await asked("gemma", "hello");
      statuses.add(status);
      return status === 200;
    });
    expect([...statuses].toSorted()).toEqual([200, 404]);
  });

  test("all of this goes on while the control plane is dead", async () => {
    await controlPlane.kill();
    for (const model of ["qwen", "llama"]) {
      const answer = await asked(model, prose(`dead ${model}`, 3_000));
      expect(answer.status).toBe(200);
      expect(answer.explanation?.pool).toBe(model);
    }
    expect((await asked("gpt-5", "hello")).status).toBe(404);
    expect((await openai.models.list()).data).toHaveLength(3);
    await controlPlane.start();
    await untilEach("hints are fresh", async () => {
      return (await asked("llama", "hello")).explanation?.stage === "fresh";
    });
  });

  test("a gateway that starts while the control plane is dead has all pools", async () => {
    const kept = join(controlPlane.stateDir, "last-known.json");
    await until("what is known to be on disk", () => {
      const { hints } = JSON.parse(readFileSync(kept, "utf8")) as { hints: string };
      const told = Buffer.from(hints, "base64").toString("latin1");
      return ["qwen", "llama", "gemma"].every((model) => told.includes(`"id":"${model}"`));
    });
    await controlPlane.kill();
    const other = await startEnvoy({ controlPlane, workers: 2 });
    running.push(other);
    for (const model of ["qwen", "llama", "gemma"]) {
      const body = { model, prompt: "hello", max_tokens: 2 };
      const answer = await ask(other.url, { path: "/v1/completions", body });
      expect([model, answer.status, answer.explanation?.pool]).toEqual([model, 200, model]);
      expect(addressesOf(model)).toContain(answer.headers["x-sim-server"]);
    }
  });
});
