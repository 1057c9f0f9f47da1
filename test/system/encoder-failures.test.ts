import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Answer, ask } from "../support/asking.ts";
import { type Component, startSimulator, temporaryFolder } from "../support/components.ts";
import { RecordingServer } from "../support/recording-server.ts";
import { type RoleGateway, startRoleGateway } from "../support/role-gateway.ts";
import { until } from "../support/until.ts";

const FAST = ["--speed", "100", "--kv-lease-ms", "3000000"];
const FLAGS = ["--probe-period-ms", "100", "--prefill-timeout-ms", "1000"];
const ONCE = ["--prefill-tries", "1"];

let encoders: Component[] = [];
let reader: Component;
let gateway: RoleGateway | undefined;
const started: { stop(): Promise<unknown> }[] = [];

beforeAll(async () => {
  encoders = await Promise.all([1, 2].map(() => startSimulator([...FAST, "--role", "encode"])));
  reader = await startSimulator(FAST);
});

beforeEach(async () => {
  for (const { url } of encoders) await fetch(`${url}/sim/faults`, { method: "DELETE" });
});

afterEach(async () => {
  await gateway?.stop();
  gateway = undefined;
  for (const one of started.splice(0)) await one.stop();
});

afterAll(async () => {
  for (const server of [...encoders, reader]) await server?.stop();
});

const portsOf = (servers: readonly Component[]) => servers.map(({ port }) => port);

async function transfersOf({ url }: Component) {
  return (await (await fetch(`${url}/sim/state`)).json()).transfers;
}

/** What the server that reads prompts was told of their media. */
async function read(): Promise<{ fetched: number; untold: number; failed: number }> {
  const { encoded, counts } = await transfersOf(reader);
  return { fetched: encoded.fetched, untold: encoded.untold, failed: counts.failed };
}

async function plan(server: Component, fault: string, count: number): Promise<void> {
  const [name, value] = fault.split(":");
  const body = JSON.stringify({ fault: name, value: value && Number(value), count });
  await fetch(`${server.url}/sim/faults`, { method: "POST", body });
}

async function pending({ url }: Component): Promise<number> {
  return (await (await fetch(`${url}/sim/state`)).json()).faults.length;
}

let run = 0;
/** Each image is one that no request before has had. */
function bodyWith(images: number): object {
  const number = ++run;
  const parts = Array.from({ length: images }, (_, at) => ({
    type: "image_url",
    image_url: { url: `https://images.example/${number}/${at}.png` },
  }));
  const content = [{ type: "text", text: `what is this, ${number}?` }, ...parts];
  return { model: "hintway-sim", max_tokens: 4, messages: [{ role: "user", content }] };
}

function askWith(images: number, more: object = {}): Promise<Answer> {
  return ask(gateway!.url, { body: { ...bodyWith(images), ...more } });
}

function decisionOf({ headers }: Answer): Record<string, unknown> {
  return JSON.parse(`${headers["x-hintway-explain"]}`).disaggregation;
}

/** The gateway's one worker encodes elsewhere, on any of the encoders. */
async function untilEncoding(decision: string): Promise<void> {
  await until("media to be encoded elsewhere", async () => {
    const answer = await askWith(1);
    return answer.status === 200 && decisionOf(answer)?.decision === decision;
  });
}

async function startEncoding(flags: string[] = [], encode = portsOf(encoders)): Promise<void> {
  const options = { flags: [...FLAGS, ...flags] };
  gateway = await startRoleGateway({ encode, decode: [reader.port] }, options);
  await untilEncoding("encode-decode");
}

async function expectNothingInFlight(): Promise<void> {
  await until("nothing to be in flight", async () => {
    const gauges = await gateway!.statistics("hintway\\.slot_.*\\.(requests|prefill_bytes)$");
    return [...gauges.values()].every((value) => value === 0);
  });
}

const FAULTS = ["refuse:300", "hang", "reset-before-headers", "status-503", "status-500"];

describe("on a real Envoy, where an encoder fails,", () => {
  test("the next one encodes, whatever befell the first", async () => {
    await startEncoding();
    for (const fault of FAULTS) {
      const before = await read();
      await plan(encoders[0]!, fault, 1);
      let asked = 0;
      await until(`an encoder to meet ${fault}`, async () => {
        asked++;
        expect((await askWith(1)).status).toBe(200);
        return (await pending(encoders[0]!).catch(() => 1)) === 0;
      });
      const { fetched } = await read();
      expect([fault, fetched - before.fetched]).toEqual([fault, asked]);
    }
    expect(await read()).toMatchObject({ untold: 0, failed: 0 });
    await expectNothingInFlight();
  });

  test("all of them, who reads the prompt encodes it", async () => {
    await startEncoding();
    for (const fault of ["hang", "status-503"]) {
      await untilEncoding("encode-decode");
      const before = await read();
      for (const encoder of encoders) await plan(encoder, fault, 1);
      const answer = await askWith(1);
      expect(answer.status).toBe(200);
      expect(decisionOf(answer)).toMatchObject({ decision: "encode-decode", encodeFailed: true });
      expect(await read()).toEqual(before);
    }
    await expectNothingInFlight();
  });

  test("for one of several media, parameters of the others are handed on", async () => {
    await startEncoding(ONCE);
    const before = await read();
    await plan(encoders[0]!, "status-503", 1);
    const answer = await askWith(4);
    expect(answer.status).toBe(200);
    expect(decisionOf(answer)).toMatchObject({ encodeFailed: true });
    const after = await read();
    expect([after.fetched - before.fetched, after.untold - before.untold]).toEqual([3, 1]);
  });

  test("the client gets an error where the pool asks for that", async () => {
    await startEncoding([...ONCE, "--prefill-failure", "error"]);
    for (const encoder of encoders) await plan(encoder, "reset-before-headers", 1);
    const answer = await askWith(2);
    expect([answer.status, JSON.parse(answer.text).error.code]).toEqual([502, "encode_failed"]);
    await expectNothingInFlight();
  });

  test("nothing is in flight once a client has left meanwhile", async () => {
    await startEncoding();
    const before = await read();
    for (const encoder of encoders) await plan(encoder, "slow-start:600", 2);
    const body = JSON.stringify(bodyWith(2));
    const leaving = { method: "POST", body, signal: AbortSignal.timeout(200) };
    await expect(fetch(`${gateway!.url}/v1/chat/completions`, leaving)).rejects.toThrow();
    await expectNothingInFlight();
    expect(await read()).toEqual(before);
  });

  test("to tell where its encoding is, the prompt is read without", async () => {
    const silent = await RecordingServer.start();
    started.push(silent);
    await startEncoding([], [silent.port]);
    const before = await read();
    const answer = await askWith(2);
    expect(answer.status).toBe(200);
    expect(decisionOf(answer)).toMatchObject({ encodingsBytes: 0 });
    expect(await read()).toEqual(before);
  });
});

describe("on a real Envoy, an encode stage goes before", () => {
  async function startStages(connector: string, flags: string[] = []): Promise<Component[]> {
    const servers = await Promise.all(
      ["prefill", "decode"].map((role) =>
        startSimulator([...FAST, "--role", role, "--kv-connector", connector, ...flags]),
      ),
    );
    started.push(...servers);
    const [prefill, decode] = portsOf(servers);
    gateway = await startRoleGateway(
      { encode: portsOf(encoders), prefill: [prefill!], decode: [decode!] },
      {
        flags: [...FLAGS, "--kv-connector", connector],
        labelsOf: (port) => ({ "llm-d.ai/bootstrap-port": `${port}` }),
      },
    );
    await untilEncoding("encode-prefill-decode");
    return servers;
  }

  test("legs that are sent at once, both with what encoders told", async () => {
    const servers = await startStages("sglang");
    const before = await Promise.all(servers.map(transfersOf));
    const answer = await askWith(2);
    expect(answer.status).toBe(200);
    expect(decisionOf(answer)).toMatchObject({ isJoined: true });
    const after = await Promise.all(servers.map(transfersOf));
    const fetched = after.map(({ encoded }, at) => encoded.fetched - before[at].encoded.fetched);
    expect(fetched[0]).toBe(2);
    // Before the first one that has both stages, decode may have refused some without a room.
    const failed = after.map(({ counts }, at) => counts.failed - before[at].counts.failed);
    expect(failed).toEqual([0, 0]);
    await expectNothingInFlight();
  });

  test("decode's being asked first, and prefill where it has too little cached", async () => {
    await startStages("shared-storage", ["--kv-store", temporaryFolder()]);
    const answer = await askWith(2, { cache_hit_threshold: 0.5 });
    expect(answer.status).toBe(200);
    expect(decisionOf(answer)).toMatchObject({
      decision: "encode-prefill-decode",
      decodeFirst: "uncached",
    });
    expect(JSON.parse(answer.text).choices[0].finish_reason).toBe("length");
    await expectNothingInFlight();
  });
});
