import { once } from "node:events";
import { createServer, type RequestListener, type Server } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { EngineReading } from "../../../control-plane/engines/engine.ts";
import {
  PROBE_PAUSE_MS,
  Prober,
  type ProberOptions,
} from "../../../control-plane/engines/probe.ts";
import type { HintwayError } from "../../../control-plane/errors.ts";
import { Authority } from "../../support/certificates.ts";
import { until } from "../../support/until.ts";

const PAGE = "vllm:num_requests_running 3\nvllm:num_requests_waiting 2\n";
const HOUR_MS = 3_600_000;

const servers: Server[] = [];
const probers: Prober[] = [];

afterEach(async () => {
  await Promise.all(probers.splice(0).map((prober) => prober.stop()));
  for (const server of servers.splice(0)) server.close().closeAllConnections();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Heard {
  key: string;
  reading?: EngineReading;
  atMs?: number;
  models?: string[];
  engineIds?: Record<number, string>;
  error?: HintwayError;
}

function probe(options: Partial<ProberOptions> = {}) {
  const heard: Heard[] = [];
  const prober = new Prober({
    periodMs: 20,
    timeoutMs: 2000,
    jitter: 0.1,
    bytesMax: 10_000,
    random: Math.random,
    now: () => performance.now(),
    onReading: (key, reading, atMs) => heard.push({ key, reading, atMs }),
    onModels: (key, models) => heard.push({ key, models }),
    onEngines: (key, ids) => heard.push({ key, engineIds: Object.fromEntries(ids) }),
    onFailure: (key, error) => heard.push({ key, error }),
    ...options,
  });
  probers.push(prober);
  return { prober, heard };
}

function target(key: string, engine: string | null = null) {
  return { key, url: `http://${key}/metrics`, engine };
}

test("an endpoint is read again and again over one connection", async () => {
  let connections = 0;
  const key = await serve((_, response) => response.end(PAGE));
  servers[0]?.on("connection", () => connections++);
  const { prober, heard } = probe();
  prober.setTargets([target(key)]);
  await until("the probe", () => heard.length >= 5);
  expect(heard[4]).toMatchObject({ key, reading: { engine: "vllm", running: 3, waiting: 2 } });
  expect(connections).toBe(1);
});

test("an endpoint's models are asked for where it matters, and not at each probe", async () => {
  const list = { object: "list", data: [{ id: "base" }, { id: "adapter" }, { id: 5 }, null] };
  const asked: string[] = [];
  const key = await serve(({ url = "" }, response) => {
    asked.push(url);
    response.end(url === "/v1/models" ? JSON.stringify(list) : PAGE);
  });
  const { prober, heard } = probe();
  prober.setTargets([target(key)]);
  await until("some probes", () => heard.length >= 3);
  expect(asked).not.toContain("/v1/models");
  prober.setTargets([{ ...target(key), modelsUrl: `http://${key}/v1/models` }]);
  await until("the models", () => heard.some(({ models }) => models));
  await until("some probes", () => heard.length >= 9);
  expect(heard.flatMap(({ models }) => (models ? [models] : []))).toEqual([["base", "adapter"]]);
  expect(asked.filter((url) => url === "/v1/models")).toHaveLength(1);
});

test("an endpoint that has no list of models is no worse for it", async () => {
  const key = await serve(({ url }, response) => {
    if (url === "/v1/models") response.writeHead(500);
    response.end(PAGE);
  });
  const { prober, heard } = probe();
  prober.setTargets([{ ...target(key), modelsUrl: `http://${key}/v1/models` }]);
  await until("some probes", () => heard.length >= 3);
  expect(heard.every(({ reading }) => reading !== undefined)).toBe(true);
});

test("engines are asked for where decode has to name them, and anew when the endpoint is back", async () => {
  let [isIll, asked] = [false, 0];
  const key = await serve(({ url }, response) => {
    if (isIll) response.writeHead(500);
    response.end(url === "/query" ? `{"0":{"engine_id":"e${asked++}"}}` : PAGE);
  });
  const { prober, heard } = probe();
  const told = () => heard.flatMap(({ engineIds }) => (engineIds ? [engineIds] : []));
  prober.setTargets([{ ...target(key), enginesUrl: `http://${key}/query` }]);
  await until("some probes", () => heard.length >= 6);
  expect(told()).toEqual([{ 0: "e0" }]);
  isIll = true;
  await until("a failure", () => heard.some(({ error }) => error));
  isIll = false;
  await until("the engine that is there", () => told().some((names) => names[0] === "e1"));
  const firstIll = heard.findIndex(({ error }) => error);
  expect(heard[firstIll - 1]!.engineIds).toEqual({});
  const back = heard.findIndex(({ engineIds }) => engineIds?.[0] === "e1");
  expect(heard[back - 1]!.reading).toBeUndefined();
});

test("probes of one endpoint never overlap, however slow it is", async () => {
  let open = 0;
  let most = 0;
  const key = await serve((_, response) => {
    most = Math.max(most, ++open);
    setTimeout(() => {
      open--;
      response.end(PAGE);
    }, 60);
  });
  const { prober, heard } = probe({ periodMs: 5 });
  prober.setTargets([target(key)]);
  await until("the probe", () => {
    prober.probeNow(key);
    return heard.length >= 4;
  });
  expect(most).toBe(1);
});

test("a probe asked for while one is under way follows it", async () => {
  const waiting: (() => void)[] = [];
  const key = await serve((_, response) => waiting.push(() => response.end(PAGE)));
  const { prober, heard } = probe({ periodMs: HOUR_MS, timeoutMs: 10_000, jitter: 0 });
  prober.setTargets([target(key)]);
  await until("the probe", () => waiting.length === 1);
  prober.probeNow(key);
  prober.probeNow(key);
  waiting[0]?.();
  await until("the probe", () => waiting.length === 2);
  waiting[1]?.();
  await until("the probe", () => heard.length === 2);
  expect(waiting).toHaveLength(2);
});

test("one asked for between two periods comes at once", async () => {
  const key = await serve((_, response) => response.end(PAGE));
  const { prober, heard } = probe({ periodMs: HOUR_MS, jitter: 0 });
  prober.setTargets([target(key)]);
  await until("the probe", () => heard.length === 1);
  prober.probeNow(key);
  prober.probeNow("127.0.0.1:1");
  await until("the probe", () => heard.length === 2);
});

test("one asked for again and again leaves the endpoint in peace between two", async () => {
  const key = await serve((_, response) => response.end(PAGE));
  const { prober, heard } = probe({ periodMs: HOUR_MS, jitter: 0 });
  prober.setTargets([target(key)]);
  await until("the probe", () => {
    prober.probeNow(key);
    return heard.length === 4;
  });
  const begun = heard.map(({ atMs }) => atMs ?? 0);
  for (const [index, atMs] of begun.slice(1).entries()) {
    // A timer may fire a fraction of a millisecond early.
    expect(atMs - begun[index]!).toBeGreaterThan(PROBE_PAUSE_MS - 2);
  }
});

test("a reading is told with the time at which its probe began", async () => {
  let askedAtMs = 0;
  let answer = () => {};
  const key = await serve((_, response) => {
    askedAtMs = performance.now();
    answer = () => response.end(PAGE);
  });
  const { prober, heard } = probe({ periodMs: HOUR_MS, jitter: 0 });
  prober.setTargets([target(key)]);
  await until("the question", () => askedAtMs > 0);
  answer();
  await until("the probe", () => heard.length === 1);
  expect(heard[0]?.atMs).toBeLessThanOrEqual(askedAtMs);
});

test("an endpoint where nothing listens is told as refused", async () => {
  const key = await serve((_, response) => response.end(PAGE));
  servers.splice(0).forEach((server) => void server.close());
  const { prober, heard } = probe();
  prober.setTargets([target(key)]);
  await until("the probe", () => heard.length > 0);
  expect(heard[0]?.error?.code).toBe("PROBE_REFUSED");
});

test("a server that closes a connection as it is used again has not failed", async () => {
  const known = new Set<unknown>();
  const key = await serve((request, response) => {
    if (known.has(request.socket)) request.socket.destroy();
    else response.end(PAGE);
    known.add(request.socket);
  });
  const { prober, heard } = probe();
  prober.setTargets([target(key)]);
  await until("the probes", () => heard.length >= 4);
  expect(heard.map(({ error }) => error)).toEqual(heard.map(() => undefined));
});

test("a page that comes byte by byte is given up when the time is over", async () => {
  const timers: NodeJS.Timeout[] = [];
  const key = await serve((_, response) => {
    timers.push(setInterval(() => response.write("#"), 20));
  });
  const { prober, heard } = probe({ timeoutMs: 100 });
  prober.setTargets([target(key)]);
  await until("the probe", () => heard.length > 0);
  timers.forEach(clearInterval);
  expect(heard[0]?.error?.message).toContain("timeout");
});

test("an endpoint that refuses, hangs or fails is told as failed, and as well when it is back", async () => {
  let mode: "fail" | "hang" | "reset" | "well" = "fail";
  const key = await serve((request, response) => {
    if (mode === "fail") response.writeHead(500).end();
    else if (mode === "reset") request.socket.destroy();
    else if (mode === "well") response.end(PAGE);
    else response.write("vllm:");
  });
  const { prober, heard } = probe({ timeoutMs: 100 });
  prober.setTargets([target(key)]);
  const heardAnew = async () => {
    heard.length = 0;
    await until("the probe", () => heard.length >= 2);
    return heard[1];
  };
  expect((await heardAnew())?.error?.message).toContain("it answers status 500");
  mode = "hang";
  await until("the probe", () => heard.at(-1)?.error?.message.includes("timeout") === true);
  mode = "reset";
  await until(
    "the probe",
    () => heard.at(-1)?.error?.message.includes("other side closed") === true,
  );
  expect((await heardAnew())?.error?.code).toBe("PROBE_REFUSED");
  mode = "well";
  await until("the probe", () => heard.at(-1)?.reading?.running === 3);
});

test("a page that is too large is refused, before it ends", async () => {
  const key = await serve((_, response) => {
    response.write("x".repeat(20_000));
  });
  const { prober, heard } = probe();
  prober.setTargets([target(key)]);
  await until("the probe", () => heard.length > 0);
  expect(heard[0]?.error?.code).toBe("PROBE_TOO_LARGE");
});

test("a server without a metrics page is one whose load is not told", async () => {
  const key = await serve((_, response) => response.writeHead(404).end("no such page"));
  const { prober, heard } = probe();
  prober.setTargets([target(key, "vllm")]);
  await until("the probe", () => heard.length > 0);
  expect(heard[0]?.reading).toMatchObject({ engine: "generic", waiting: 0 });
});

test("a label that names another engine does not hide the metrics there are", async () => {
  const key = await serve((_, response) => response.end(PAGE));
  const { prober, heard } = probe();
  prober.setTargets([target(key, "sglang")]);
  await until("the probe", () => heard.length > 0);
  expect(heard[0]?.reading).toMatchObject({ engine: "vllm", running: 3 });
});

test("endpoints that are no targets any more are neither probed nor told", async () => {
  const answers: (() => void)[] = [];
  const key = await serve((_, response) => answers.push(() => response.end(PAGE)));
  const other = await serve((_, response) => response.end(PAGE));
  const { prober, heard } = probe();
  prober.setTargets([target(key), target(other)]);
  await until("the probe", () => answers.length === 1 && heard.length > 0);
  prober.setTargets([target(other)]);
  answers[0]?.();
  heard.length = 0;
  await until("the probe", () => heard.length >= 5);
  expect(heard.every((one) => one.key === other)).toBe(true);
  expect(answers).toHaveLength(1);
});

test("after stop nothing is told and no probe goes out", async () => {
  let requests = 0;
  const key = await serve(() => requests++);
  const { prober, heard } = probe({ timeoutMs: 10_000 });
  prober.setTargets([target(key)]);
  await until("the probe", () => requests === 1);
  await prober.stop();
  prober.probeNow(key);
  prober.setTargets([target(key)]);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(heard).toEqual([]);
  expect(requests).toBe(1);
});

test("a server of HTTPS is read where its certificate is as it should be, and else told to be untrusted", async () => {
  const [ours, anothers] = [new Authority("ours"), new Authority("another's")];
  const { cert, key: certKey } = ours.issue("qwen.svc");
  const server = createSecureServer({ cert, key: certKey }, (_, response) => response.end(PAGE));
  servers.push(server);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  const { prober, heard } = probe();
  let count = 0;
  const told = async (name: string | null, caCertificates: string | null) => {
    // A key of its own, as a probe with what was said before may be under way.
    const key = `endpoint-${++count}`;
    prober.setTargets([{ ...target(key), url, tls: { name, caCertificates } }]);
    const first = await until("the probe", () => heard.find((one) => one.key === key));
    return first.reading?.running ?? first.error?.code;
  };
  expect(await told("qwen.svc", ours.own.cert)).toBe(3);
  expect(await told("qwen.svc", anothers.own.cert)).toBe("PROBE_UNTRUSTED");
  expect(await told("another.svc", ours.own.cert)).toBe("PROBE_UNTRUSTED");
  expect(await told(null, null)).toBe(3);
  const plain = await serve((_, response) => response.end(PAGE));
  prober.setTargets([
    {
      ...target(plain),
      url: `https://${plain}/metrics`,
      tls: { name: null, caCertificates: null },
    },
  ]);
  const refused = await until("the probe", () => heard.find((one) => one.key === plain));
  expect(refused.error?.code).toBe("PROBE_UNTRUSTED");
});

test("a thousand endpoints are all read", async () => {
  const key = await serve((_, response) => response.end(PAGE));
  const { prober, heard } = probe({ periodMs: 2000, timeoutMs: 20_000, jitter: 0.5 });
  const targets = Array.from({ length: 1000 }, (_, index) => ({
    ...target(key),
    key: `endpoint-${index}`,
  }));
  prober.setTargets(targets);
  await until("the probe", () => new Set(heard.map((one) => one.key)).size === 1000);
  expect(heard.every((one) => one.error === undefined)).toBe(true);
});
