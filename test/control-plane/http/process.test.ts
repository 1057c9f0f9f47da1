import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { until } from "../../support/until.ts";

const MAIN = fileURLToPath(new URL("../../../control-plane/main.ts", import.meta.url));

let folder = "";
let token = "";
const running: ChildProcess[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hintway-"));
  token = join(folder, "token");
  writeFileSync(token, "secret\n");
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }
});

afterAll(() => rmSync(folder, { recursive: true }));

function run(words: string[], environment: Record<string, string> = {}) {
  const child = spawn(process.execPath, [MAIN, ...words], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  running.push(child);
  const said = { text: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      said.text += chunk.toString();
    });
  }
  return { child, said };
}

async function failure(words: string[], environment?: Record<string, string>): Promise<string> {
  const { child, said } = run(words, environment);
  const [code] = await once(child, "close");
  expect(code).not.toBe(0);
  return said.text;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

it("a flag that does not exist, or has no sound value, ends the process with its name", async () => {
  expect(await failure(["--token-file", token, "--nonsense"])).toContain("--nonsense");
  expect(await failure(["--token-file", token, "--port", "70000"])).toMatch(/--port.*0 to 65535/s);
  expect(await failure(["--token-file", token, "--block-bytes", "1000"])).toContain("multiple");
  expect(await failure([])).toContain("--token-file");
  const endpoints = await failure(["--token-file", token, "--endpoints", "localhost"]);
  expect(endpoints).toContain("--endpoints");
});

it("a file that cannot be read or is broken ends the process with its name", async () => {
  const none = join(folder, "none");
  for (const flag of ["--pool", "--config", "--token-file"]) {
    expect(await failure(["--token-file", token, flag, none])).toContain(`Cannot read ${none}`);
  }
  const broken = join(folder, "broken.yaml");
  writeFileSync(broken, "endpoints: [{nam: a}]");
  expect(await failure(["--token-file", token, "--pool", broken])).toContain("broken.yaml:1:");
});

it("a taken port ends the process with a remedy", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = String((server.address() as AddressInfo).port);
  const said = await failure(["--token-file", token, "--port", port]);
  server.close();
  expect(said).toContain(`Port ${port} (--port) is taken.`);
});

it("settings come from the environment too, and a flag wins", async () => {
  const environment = { HINTWAY_TOKEN_FILE: token, HINTWAY_BLOCK_BYTES: "7" };
  expect(await failure([], environment)).toContain("block-bytes");
  const port = await freePort();
  const { child } = run(["--port", String(port), "--block-bytes", "512"], environment);
  const status = await until("it answers", () => statusAt(port));
  expect(status).toContain("512 bytes a block");
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

it("a changed pool file takes effect, and a broken one is refused and visible", async () => {
  const pool = join(folder, "pool.yaml");
  const entry = (name: string, port: number) =>
    `- {name: ${name}, address: 127.0.0.1, port: "${port}"}\n`;
  writeFileSync(pool, `endpoints:\n${entry("a", 1)}`);
  const port = await freePort();
  run(["--token-file", token, "--port", String(port), "--pool", pool]);
  await until("it shows the endpoint", async () =>
    (await statusAt(port))?.includes("127.0.0.1:1 "),
  );
  writeFileSync(pool, `endpoints:\n${entry("a", 1)}${entry("b", 2)}`);
  await until("it shows both", async () => (await statusAt(port))?.includes("127.0.0.1:2 "));
  writeFileSync(pool, "endpoints: 5");
  const refused = await until("it shows the refusal", async () => {
    const status = await statusAt(port);
    return status?.includes("last refusal none") ? null : status;
  });
  expect(refused).toContain("pool.yaml:1:");
  expect(refused).toContain("127.0.0.1:2 ");
});

it("each named pool file is a pool of its own, and a broken one leaves the others alone", async () => {
  const [qwen, llama] = [join(folder, "qwen.yaml"), join(folder, "llama.yaml")];
  const files = ["--pool", `qwen=${qwen}`, "--pool", `llama=${llama}`];
  const endpoint = (server: number) => `endpoints: [{name: a, address: "::1", port: ${server}}]\n`;
  writeFileSync(qwen, endpoint(1));
  writeFileSync(llama, endpoint(2));
  const port = await freePort();
  run(["--token-file", token, "--port", String(port), ...files]);
  const shows = (...texts: string[]) =>
    until(`it shows ${texts}`, async () => {
      const status = (await statusAt(port)) ?? "";
      return texts.every((text) => status.includes(text));
    });
  await shows("pool qwen,", "pool llama,", "[::1]:1 ", "[::1]:2 ");
  writeFileSync(qwen, "endpoints: 5");
  await shows("qwen.yaml:1:");
  writeFileSync(llama, endpoint(3));
  await shows("qwen.yaml:1:", "[::1]:1 ", "[::1]:3 ");
});

it("a changed settings file takes effect, and a broken one is refused and visible", async () => {
  const settings = join(folder, "settings.yaml");
  writeFileSync(settings, "blockBytes: 1280");
  const port = await freePort();
  const words = ["--token-file", token, "--port", String(port), "--endpoints", "127.0.0.1:1"];
  run([...words, "--settings", settings]);
  const shows = (text: string) =>
    until(`it shows ${text}`, async () => (await statusAt(port))?.includes(text));
  await shows("1280");
  writeFileSync(settings, "blockBytes: 1536");
  await shows("1536");
  writeFileSync(settings, "blockBytes: 1000");
  await shows("settings.yaml:1:1: blockBytes is 1000");
  await shows("1536");
});

it("flags of a cluster that cannot be right end the process with a remedy", async () => {
  const words = ["--token-file", token, "--port", "0", "--kubernetes"];
  expect(await failure([...words, "--endpoints", "127.0.0.1:1"])).toContain("--kubernetes");
  const nowhere = join(folder, "no-kubeconfig");
  expect(await failure([...words, "--kubeconfig", nowhere])).toMatch(/no-kubeconfig.*Correct/s);
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, "{}");
  const known = [...words, "--kubeconfig", kubeconfig];
  expect(await failure([...known, "--namespace", "a,B_"])).toContain('--namespace is "B_"');
  expect(await failure(known)).toContain("names no cluster");
});

it("a process that starts while a file is broken goes on with what was last in force", async () => {
  const files = { pool: join(folder, "kept-pool.yaml"), config: join(folder, "kept-config.yaml") };
  const port = await freePort();
  const poolOf = (server: number) =>
    `endpoints: [{name: a, address: 127.0.0.1, port: "${server}"}]`;
  const config = `
    apiVersion: llm-d.ai/v1alpha1
    kind: EndpointPickerConfig
    plugins: [{type: token-cost-scorer, name: kept-scorer}]
    schedulingProfiles: [{name: kept, plugins: [{pluginRef: kept-scorer}]}]`;
  writeFileSync(files.pool, poolOf(7));
  writeFileSync(files.config, config);
  const words = ["--token-file", token, "--port", String(port), "--state-dir", folder];
  words.push("--pool", files.pool, "--config", files.config);
  const first = run(words);
  await until("it answers", () => statusAt(port));
  first.child.kill("SIGTERM");
  await once(first.child, "exit");
  writeFileSync(files.pool, "endpoints: 5");
  writeFileSync(files.config, "no: configuration");
  run(words);
  const status = await until("it answers again", () => statusAt(port));
  expect(status).toContain("127.0.0.1:7 ");
  expect(status).toContain("kept-scorer");
  expect(status).toContain("kept-pool.yaml:1:");
  writeFileSync(files.pool, poolOf(8));
  writeFileSync(files.config, config);
  const isMended = (text: string | null) => text?.includes("last refusal none");
  const mended = await until("it takes what is mended", async () => {
    const text = await statusAt(port);
    return isMended(text) ? text : null;
  });
  expect(mended).toContain("127.0.0.1:8 ");
});

it("what is kept of one file is not taken for another", async () => {
  const broken = join(folder, "another.yaml");
  writeFileSync(broken, "endpoints: 5");
  const words = ["--token-file", token, "--state-dir", folder, "--pool", broken];
  expect(await failure(words)).toContain("another.yaml:1:");
});

it("serves the filter it is given, with its sum, to callers without a token", async () => {
  const filter = join(folder, "filter.wasm");
  const bytes = Buffer.from([0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
  writeFileSync(filter, bytes);
  const port = await freePort();
  run(["--token-file", token, "--port", String(port), "--filter", filter]);
  await until("it answers", () => statusAt(port));
  const url = `http://127.0.0.1:${port}/filter.wasm`;
  const answer = await fetch(url);
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(bytes);
  const sum = createHash("sha256").update(bytes).digest("hex");
  expect(await (await fetch(`${url}.sha256`)).text()).toBe(`${sum}  filter.wasm\n`);
  const again = await fetch(url, { headers: { "if-none-match": answer.headers.get("etag")! } });
  expect(again.status).toBe(304);
  expect(await failure(["--token-file", token, "--filter", token])).toContain("--filter");
});

it("--check says whether files are right, and starts nothing", async () => {
  const sound = join(folder, "checked.yaml");
  writeFileSync(sound, "endpoints: []");
  const { child, said } = run(["--token-file", token, "--pool", sound, "--check"]);
  expect(await once(child, "close")).toEqual([0, null]);
  expect(said.text).toBe("Flags and files are right.\n");
  writeFileSync(sound, "endpoints: 5");
  expect(await failure(["--token-file", token, "--pool", sound, "--check"])).toContain(":1:");
  const endpoints = ["--token-file", token, "--endpoints", "localhost", "--check"];
  expect(await failure(endpoints)).toContain("--endpoints");
});

it("says at once where there is no cluster to ask", async () => {
  // No kubeconfig in an empty home, and no ServiceAccount outside of a Pod.
  const home = { HOME: mkdtempSync(join(folder, "home-")), KUBECONFIG: "" };
  const words = ["--token-file", token, "--kubernetes", "--port", "0"];
  expect(await failure(words, home)).toContain("there is none, and this is no Pod");
  const config = join(folder, "kubeconfig.yaml");
  const cluster = "{ name: c, cluster: { server: 'http://127.0.0.1:1' } }";
  const context = "{ name: c, context: { cluster: c, user: u } }";
  writeFileSync(
    config,
    `clusters: [${cluster}]\ncontexts: [${context}]\nusers: [{ name: u }]\ncurrent-context: c\n`,
  );
  const named = await failure([...words, "--kubeconfig", config], home);
  expect(named).toContain("its server http://127.0.0.1:1 is not https");
});

it("a changed token file takes effect, and an emptied one is refused and visible", async () => {
  const path = join(folder, "rotated");
  writeFileSync(path, "old\n");
  const port = await freePort();
  run(["--token-file", path, "--port", String(port)]);
  const statusWith = async (shown: string) => {
    const headers = { authorization: `Bearer ${shown}`, "content-type": "application/json" };
    const url = `http://127.0.0.1:${port}/v3/discovery:clusters`;
    return (await fetch(url, { method: "POST", headers, body: "{}" })).status;
  };
  await until("it answers", () => statusAt(port));
  expect([await statusWith("old"), await statusWith("new")]).toEqual([200, 401]);
  writeFileSync(path, "old\nnew\n");
  await until("both are accepted", async () => (await statusWith("new")) === 200);
  expect(await statusWith("old")).toBe(200);
  writeFileSync(path, "new\n");
  await until("the old one is not", async () => (await statusWith("old")) === 401);
  writeFileSync(path, "");
  await until("it shows", async () => (await statusAt(port))?.includes("the file is empty"));
  expect(await statusWith("new")).toBe(200);
});

async function statusAt(port: number): Promise<string | null> {
  try {
    return await (await fetch(`http://127.0.0.1:${port}/status`)).text();
  } catch {
    return null;
  }
}
