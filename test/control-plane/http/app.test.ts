import { describe, expect, it } from "vitest";
import { HintwayError } from "../../../control-plane/errors.ts";
import { FRAME_BYTES_MAX } from "../../../protocol/limits.ts";
import { until } from "../../support/until.ts";
import { TestGateway } from "../hints/gateway.ts";
import { startingEach, TOKEN } from "../hints/started.ts";

const { start } = startingEach();

describe("a caller without the token", () => {
  const paths = ["/v1/hints", "/v1/reports", "/v3/discovery:clusters", "/v1/none", "/v3/none"];

  it("gets the same 401 for every path, also for those that do not exist", async () => {
    const { app } = await start({ engines: 0 });
    const answers = new Set<string>();
    for (const url of [...paths, "/%761/hints", "/v1"]) {
      for (const authorization of ["", "Bearer", "Bearer wrong", `Basic ${TOKEN}`]) {
        const headers = authorization === "" ? {} : { authorization };
        const answer = await app.inject({ method: "POST", url, headers, payload: "x" });
        answers.add(`${answer.statusCode} ${answer.payload}`);
      }
    }
    expect([...answers]).toEqual([expect.stringContaining("401")]);
  });

  it("gets it before its body is read", async () => {
    const { app } = await start({ engines: 0 });
    const payload = Buffer.alloc(9 * 1024 * 1024);
    const answer = await app.inject({ method: "POST", url: "/v1/reports", payload });
    expect(answer.statusCode).toBe(401);
  });

  it("may see health, readiness, metrics and status", async () => {
    const { app } = await start();
    for (const url of ["/healthz", "/readyz", "/metrics", "/status"]) {
      expect((await app.inject({ url })).statusCode).toBe(200);
    }
  });
});

describe("over a real connection", () => {
  it("a poll without a content type is answered with a frame", async () => {
    const { app } = await start();
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    const gateway = connectedGateway(url);
    expect((await gateway.poll())?.endpoints).toHaveLength(2);
    expect((await gateway.report((records) => records.failure(0))).status).toBe(200);
  });

  it("a gateway learns the replica's address, an IPv4 one as such where both families are", async () => {
    const { app } = await start({ engines: 0 });
    const { port } = new URL(await app.listen({ host: "::", port: 0 }));
    const replicaAt = async (host: string) => {
      const headers = { authorization: `Bearer ${TOKEN}` };
      const url = `http://${host}:${port}/v1/hints`;
      return (await fetch(url, { method: "POST", headers })).headers.get("x-hintway-replica");
    };
    expect(await replicaAt("127.0.0.1")).toBe(`127.0.0.1:${port}`);
    expect(await replicaAt("[::1]")).toBe(`[::1]:${port}`);
  });

  it("a gateway that hangs up leaves no poll behind", async () => {
    const { app, controlPlane } = await start({ engines: 0 });
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    const hangUp = new AbortController();
    const gateway = connectedGateway(url, hangUp.signal);
    await gateway.poll();
    const held = gateway.poll({ holdMs: 20_000 });
    await until("the poll is held", () => controlPlane.polls.heldCount);
    hangUp.abort();
    await expect(held).rejects.toThrow("aborted");
    await until("the poll is let go", () => controlPlane.polls.heldCount === 0);
  });

  it("a body over the frame limit is refused with 413, which names the limit", async () => {
    const { app } = await start({ engines: 0 });
    const url = await app.listen({ host: "127.0.0.1", port: 0 });
    const headers = { authorization: `Bearer ${TOKEN}`, "content-type": "application/json" };
    const body = Buffer.alloc(FRAME_BYTES_MAX + 1, " ");
    for (const path of ["/v1/reports", "/v3/discovery:clusters"]) {
      const answer = await fetch(`${url}${path}`, { method: "POST", headers, body });
      expect([path, answer.status]).toEqual([path, 413]);
      expect(await answer.text()).toContain(`${FRAME_BYTES_MAX} bytes`);
    }
  });
});

describe("a person with curl", () => {
  it("learns from / which paths there are, and each of them answers", async () => {
    const { app } = await start();
    const { payload, headers } = await app.inject({ url: "/" });
    expect(headers["content-type"]).toContain("text/plain");
    const paths = [...payload.matchAll(/^GET (\S+)/gm)].map(([, path]) => path);
    expect(paths).toEqual(["/status", "/metrics", "/healthz", "/readyz"]);
    for (const url of paths) expect((await app.inject({ url: url! })).statusCode).toBe(200);
  });

  it.each([
    ["GET", "/statu", 404, "There is no GET /statu. GET / says what there is."],
    ["GET", "/%zz", 400, "'/%zz' is not a valid url component"],
    ["GET", "/v1/hints", 404, "There is no GET /v1/hints. Gateways call POST /v1/hints"],
    ["GET", "/v3/discovery:clusters", 404, "Envoy calls POST /v3/discovery:clusters"],
    ["POST", "/v3/discovery:clusters", 400, "JSON"],
    ["POST", "/v1/hints", 400, "its length is not what its header says"],
  ] as const)("is told what to do after %s %s", async (method, url, status, message) => {
    const { app } = await start({ engines: 0 });
    const authorization = `Bearer ${TOKEN}`;
    const headers = { authorization, "content-type": "application/json" };
    const payload = method === "POST" ? "{" : undefined;
    const answer = await app.inject({ method, url, headers, ...(payload ? { payload } : {}) });
    expect(answer.statusCode).toBe(status);
    expect(answer.json().error.message).toContain(message);
  });
});

describe("readiness", () => {
  it("waits until every endpoint was probed, whatever the probe said", async () => {
    const { app, list } = await start({ engines: 0 });
    expect((await app.inject({ url: "/readyz" })).statusCode).toBe(200);
    list([{ name: "a", namespace: "default", address: "127.0.0.1", port: 1, labels: {} }]);
    const early = await app.inject({ url: "/readyz" });
    expect(early.statusCode).toBe(503);
    expect(early.payload).toContain("0 of 1 endpoints are probed");
    await expect
      .poll(async () => (await app.inject({ url: "/readyz" })).statusCode, { timeout: 10_000 })
      .toBe(200);
  });
});

describe("the status page", () => {
  it("shows endpoints, gateways, the index and the last refusal as text", async () => {
    const { app, controlPlane, gateway, engines } = await start();
    await gateway("a").poll();
    controlPlane.refuse("pool", new HintwayError("POOL_FILE_INVALID", "pool.yaml:3:1: broken."));
    const { payload, headers } = await app.inject({ url: "/status" });
    expect(headers["content-type"]).toContain("text/plain");
    expect(payload).toContain(`${engines[0]!.address}  0     up     vllm`);
    expect(payload).toContain("pool.yaml:3:1: broken.");
    expect(payload).toContain("index 0 of 100000 keys");
    expect(payload).toContain(Buffer.from("a").toString("hex").padEnd(32, "0"));
  });

  it("shows which pool serves which model, and when a pool has not told", async () => {
    const { app, controlPlane, engines, listed } = await start();
    const [first, second] = listed();
    engines[0]!.listed = ["qwen", "qwen-sql"];
    const pools = [first!, second!].map((endpoint, index) => {
      return { name: ["pool", "other"][index]!, endpoints: [endpoint] };
    });
    controlPlane.discoverPools(pools);
    const shown = async () => (await app.inject({ url: "/status" })).payload;
    await expect.poll(shown, { timeout: 10_000 }).toContain("\n  models qwen, qwen-sql\n");
    expect(await shown()).toContain("models not all known");
    engines[1]!.listed = ["llama"];
    await expect.poll(shown, { timeout: 10_000 }).toContain("\n  models llama\n");
    expect(await shown()).not.toContain("models not all known");
  });

  it("shows how a pool disaggregates where its endpoints say so, without a file as well", async () => {
    const { app, list, listed } = await start();
    const shown = async () => (await app.inject({ url: "/status" })).payload;
    expect(await shown()).not.toContain("prefill");
    const labels = { "llm-d.ai/role": "prefill" };
    list(listed().map((endpoint, index) => (index === 0 ? { ...endpoint, labels } : endpoint)));
    const line = (name: string) =>
      shown().then((text) => text.split("\n").find((one) => one.startsWith(`  ${name}`)));
    expect(await line("prefill elsewhere")).toBe(
      "  prefill elsewhere: where it takes less time, by default; decode by default, then by transferred",
    );
    expect(await line("profile default")).toContain("token-cost-scorer");
    expect(await line("profile transferred")).toMatch(/: .*-scorer, .*-picker$/);
  });

  it("shows roles and connectors of endpoints, and that SGLang's decode always needs a prefill", async () => {
    const { app, list, listed, engines } = await start();
    const text = async () => (await app.inject({ url: "/status" })).payload;
    expect(await text()).not.toMatch(/ENGINE +ROLE/);
    const sglang = { "llm-d.ai/kv-connector": "sglang" };
    const labelsAt = (index: number) =>
      index === 0 ? { ...sglang, "llm-d.ai/role": "prefill" } : sglang;
    list(listed().map((endpoint, index) => ({ ...endpoint, labels: labelsAt(index) })));
    expect(await text()).toMatch(/STATE +ENGINE +ROLE +CONNECTOR +WAITING/);
    expect(await text()).toMatch(new RegExp(`${engines[1]!.address} .* decode +sglang `));
    expect(await text()).toContain("prefill elsewhere: always, as decode reads no prompt itself,");
    const { pools } = (await app.inject({ url: "/status?format=json" })).json();
    expect(pools[0].endpoints[0]).toMatchObject({ role: "prefill", connector: "sglang" });
  });

  it("shows a refusal until that file is in force, whatever becomes of others", async () => {
    const { controlPlane } = await start({ engines: 0 });
    const refused = () => controlPlane.refusals.last?.file;
    controlPlane.refuse("config", new HintwayError("CONFIG_SYNTAX", "broken."));
    controlPlane.refuse("pool", new HintwayError("POOL_FILE_INVALID", "broken."));
    expect(refused()).toBe("pool");
    controlPlane.accept("pool", {});
    expect(refused()).toBe("config");
    controlPlane.accept("config", {});
    expect(refused()).toBeUndefined();
  });

  it("is JSON for who asks for it", async () => {
    const { app, engines } = await start();
    const asked = await app.inject({ url: "/status?format=json" });
    const accepted = await app.inject({ url: "/status", headers: { accept: "application/json" } });
    for (const answer of [asked, accepted]) {
      const { pools, ready, configuration } = answer.json();
      expect(ready).toBe(true);
      expect(configuration.lastRefusal).toBeNull();
      expect(pools[0].endpoints[1]).toMatchObject({ address: engines[1]!.address, state: "up" });
    }
  });
});

function connectedGateway(url: string, signal: AbortSignal | null = null): TestGateway {
  const headers = { authorization: `Bearer ${TOKEN}` };
  return new TestGateway(async (path, body) => {
    const answer = await fetch(`${url}${path}`, { method: "POST", headers, body, signal });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  }, "a");
}
