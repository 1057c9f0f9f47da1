import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { freePorts } from "../../start/ports.ts";
import {
  type Component,
  freePort,
  startSimulator,
  temporaryFolder,
} from "../support/components.ts";
import { until } from "../support/until.ts";

/** Shorter than a test may take, or nobody would learn what it printed. */
const READY_MS = 45_000;
const MAIN = join(import.meta.dirname, "..", "..", "start", "main.ts");

interface Launcher {
  process: ChildProcess;
  port: number;
  stateDir: string;
  /** All that it printed. */
  output(): string;
}

let running: Launcher | undefined;

afterEach(async () => {
  if (running) await ended(running, "SIGTERM");
  running = undefined;
});

async function launched(...flags: string[]): Promise<Launcher> {
  const [port, controlPort, adminPort] = await freePorts(3);
  const stateDir = join(temporaryFolder(), "a folder");
  const ports = [
    "--port",
    `${port}`,
    "--control-port",
    `${controlPort}`,
    "--admin-port",
    `${adminPort}`,
  ];
  const args = [MAIN, ...ports, "--state-dir", stateDir, ...flags];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  running = { process: child, port: port ?? 0, stateDir, output: () => output };
  return running;
}

/** Or throws with all that it printed. */
async function untilReady(launcher: Launcher): Promise<void> {
  await until("the ready line", () => isReady(launcher), READY_MS).catch((error: Error) => {
    throw new Error(`${error.message}; it printed:\n${launcher.output()}`);
  });
}

async function ended(launcher: Launcher, signal: NodeJS.Signals): Promise<void> {
  const { exitCode, signalCode } = launcher.process;
  if (exitCode !== null || signalCode !== null) return;
  const exit = once(launcher.process, "exit");
  launcher.process.kill(signal);
  await exit;
}

interface Curled {
  status: number;
  endpoint: string | undefined;
  explanation: {
    keys: number;
    candidates: { endpoint: string; matchedKeys: number }[];
    disaggregation?: { decision: string; encoders?: string[]; prefill?: string };
  };
  body: { error?: { code: string } };
}

/** What the last curl line that it printed answers, headers included. */
function curled(launcher: Launcher): Curled {
  const curl = launcher
    .output()
    .match(/^curl .*$/gm)
    ?.at(-1);
  const answer = execFileSync("/bin/sh", ["-c", `${curl} --silent`], { encoding: "utf8" });
  const [head = "", body = ""] = answer.split("\r\n\r\n");
  const header = (name: string) => new RegExp(`^${name}: (.*)\r?$`, "m").exec(head)?.[1];
  return {
    status: Number(/^HTTP\S+ (\d+)/.exec(head)?.[1]),
    endpoint: header("x-hintway-endpoint"),
    explanation: JSON.parse(header("x-hintway-explain") ?? "null"),
    body: JSON.parse(body),
  };
}

const isReady = (launcher: Launcher) => /^ready http/m.test(launcher.output());

/** Process ids of what runs with the launcher's state folder or as its simulators. */
function children(launcher: Launcher): number[] {
  const ports = [...launcher.output().matchAll(/model server 127\.0\.0\.1:(\d+)/g)];
  const marks = [launcher.stateDir, ...ports.map(([, port]) => `--port\0${port}\0`)];
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== launcher.process.pid)
    .filter((name) => marks.some((mark) => commandLine(name).includes(mark)))
    .map(Number);
}

function commandLine(processId: string): string {
  try {
    return readFileSync(`/proc/${processId}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

describe("npm start", () => {
  it("ends in a gateway whose curl line works as it stands and shows the routing", async () => {
    const launcher = await launched("--simulate", "2");
    await untilReady(launcher);
    const first = curled(launcher);
    expect(first.body).toMatchObject({ object: "chat.completion", model: "hintway-sim" });
    const second = curled(launcher);
    expect(second.endpoint).toBe(first.endpoint);
    expect(second.explanation.keys).toBeGreaterThan(1);
    const served = second.explanation.candidates.find(
      ({ endpoint }) => endpoint === first.endpoint,
    );
    expect(served?.matchedKeys).toBe(second.explanation.keys);
  });

  it("simulates encoders and prefill, and shows an image that goes through both", async () => {
    const stages = ["--simulate", "1", "--prefill", "1", "--encode", "1"];
    const launcher = await launched(...stages, "--connector", "sglang");
    await untilReady(launcher);
    expect(launcher.output()).toMatch(/encoders are those that encoded it/);
    const shown = await until("a pick of both stages", () => {
      const { status, explanation } = curled(launcher);
      expect(status).toBe(200);
      const { disaggregation } = explanation;
      return disaggregation?.decision === "encode-prefill-decode" ? disaggregation : undefined;
    });
    const portOf = (role: string) =>
      new RegExp(`127\\.0\\.0\\.1:\\d+(?=, ${role}$)`, "m").exec(launcher.output())?.[0];
    expect(shown).toMatchObject({ encoders: [portOf("encode")], prefill: portOf("prefill") });
  });

  it("names the process of every part, and the next one when it is killed", async () => {
    const launcher = await launched("--simulate", "1");
    await untilReady(launcher);
    const [, id] = /^ +(\d+) Control plane$/m.exec(launcher.output()) ?? [];
    process.kill(Number(id), "SIGKILL");
    await until("its return", () =>
      /^Control plane is back, as process \d+/m.test(launcher.output()),
    );
  });

  it("tells when a changed file is refused, and when one takes effect", async () => {
    const folder = temporaryFolder();
    const [config, pool, settings] = ["config", "pool", "settings"].map((name) =>
      join(folder, `${name}.yaml`),
    ) as [string, string, string];
    const plugins = (type: string) =>
      `apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\nplugins:\n- type: ${type}\n`;
    const endpoint = (port: string) =>
      `endpoints:\n- {name: a, address: 127.0.0.1, port: ${port}}\n`;
    writeFileSync(config, plugins("queue-scorer"));
    writeFileSync(pool, endpoint("9"));
    writeFileSync(settings, "staleMs: 2000\n");
    const files = ["--config", config, "--pool", pool, "--settings", settings];
    const launcher = await launched(...files);
    const told = (line: RegExp) => until(`${line}`, () => line.test(launcher.output()), 60_000);
    await told(/^--config .*config.yaml is in force: profile default with queue-scorer/m);
    await told(/^--pool .*pool.yaml is in force: 1 endpoint\.$/m);
    writeFileSync(config, plugins("cue-scorer"));
    await told(
      /^--config refused: .*yaml:4:9: unknown plugin type "cue-scorer".*stays in force\.$/m,
    );
    writeFileSync(config, plugins("token-cost-scorer"));
    await told(/^--config .* is in force: profile default with token-cost-scorer/m);
    writeFileSync(pool, endpoint("port"));
    await told(/^--pool refused: .*yaml:2:.*port "port" .*stays in force\.$/m);
    writeFileSync(pool, "endpoints: []\n");
    await told(/^--pool .* is in force: 0 endpoints\.$/m);
    await told(/^--settings .*settings.yaml is in force: staleMs\.$/m);
    writeFileSync(settings, "accessLog: true\nmode: shadow\n");
    await told(/^--settings .* is in force: accessLog, mode\.$/m);
    writeFileSync(settings, "mode: shade\n");
    await told(/^--settings refused: .*yaml:1:1: mode is "shade".*stays in force\.$/m);
  });

  it("serves several pools, each of a file of its own", async () => {
    const folder = temporaryFolder();
    const args: string[] = [];
    const simulators: Component[] = [];
    for (const name of ["qwen", "llama"]) {
      const simulator = await startSimulator(["--model", name]);
      const file = join(folder, `${name}.yaml`);
      const endpoint = `{name: a, address: 127.0.0.1, port: ${simulator.port}}`;
      writeFileSync(file, `endpoints: [${endpoint}]\n`);
      args.push("--pool", `${name}=${file}`);
      simulators.push(simulator);
    }
    const launcher = await launched(...args);
    await untilReady(launcher);
    expect(launcher.output()).not.toContain("warning");
    expect(curled(launcher)).toMatchObject({ status: 200, body: { model: "qwen" } });
    for (const simulator of simulators) await simulator.stop();
  });

  it("is ready without a model server, says why, and goes on when one comes", async () => {
    const port = await freePort();
    const launcher = await launched("--endpoints", `127.0.0.1:${port}`);
    const refused = `connect ECONNREFUSED 127.0.0.1:${port}`;
    await until("the progress", () => launcher.output().includes(`... 5 s: Probe of`), 60_000);
    await untilReady(launcher);
    expect(launcher.output()).toMatch(
      new RegExp(`^warning: no model server .*\\n.*${refused}`, "m"),
    );
    expect(curled(launcher)).toMatchObject({
      status: 503,
      body: { error: { code: "no_endpoints" } },
    });
    const simulator = await startSimulator([], port);
    await until("the first answer", () => launcher.output().includes("A model server answers."));
    expect(launcher.output()).toContain(`Model server 127.0.0.1:${port} is up.`);
    expect(curled(launcher).status).toBe(200);
    await simulator.stop();
  });

  it.each(["SIGTERM", "SIGINT", "SIGHUP", "SIGKILL"] as const)(
    "leaves nothing behind on %s",
    async (signal) => {
      const launcher = await launched("--simulate", "2");
      await untilReady(launcher);
      expect(children(launcher)).toHaveLength(4);
      await ended(launcher, signal);
      await until("the end of every part", () => children(launcher).length === 0);
    },
  );

  it("leaves nothing behind when it is called off before it is ready", async () => {
    const launcher = await launched("--simulate", "2");
    await until("the first part", () => children(launcher).length > 0);
    await ended(launcher, "SIGTERM");
    await until("the end of every part", () => children(launcher).length === 0);
    expect(isReady(launcher)).toBe(false);
  });

  it("leaves nothing behind when it is called off twice", async () => {
    const launcher = await launched("--simulate", "2");
    await untilReady(launcher);
    launcher.process.kill("SIGINT");
    await until("the first to be heard", () => launcher.output().includes("Stopping"));
    await ended(launcher, "SIGINT");
    await until("the end of every part", () => children(launcher).length === 0);
  });

  it("names the remedy for an address that is not this machine's", async () => {
    // Kept for documentation: no machine has it.
    const launcher = await launched("--host", "192.0.2.1");
    const [code] = await once(launcher.process, "exit");
    expect(code).toBe(1);
    expect(launcher.output()).toContain("choose one that is with `npm start -- --host IP`");
  });

  it("names the remedy for every port that is taken, and by whom, and ends with a failure", async () => {
    const others = [createServer(), createServer()].map((one) => one.listen(0, "127.0.0.1"));
    await Promise.all(others.map((other) => once(other, "listening")));
    const [port, admin] = others.map((other) => (other.address() as AddressInfo).port);
    const launcher = await launched("--port", `${port}`, "--admin-port", `${admin}`);
    const [code] = await once(launcher.process, "exit");
    for (const other of others) other.close();
    expect(code).toBe(1);
    const taken = (number: number | undefined, option: string) =>
      `Port ${number} on 127.0.0.1 (${option}) is taken by`;
    expect(launcher.output()).toContain(taken(port, "--port, HINTWAY_PORT"));
    expect(launcher.output()).toContain(taken(admin, "--admin-port, HINTWAY_ADMIN_PORT"));
    expect(launcher.output()).toContain(`process ${process.pid}.`);
    expect(launcher.output()).toContain("`npm start -- --port NUMBER --admin-port NUMBER`");
    expect(launcher.output()).not.toContain("Stopping");
  });

  it("names the Hintway that has its port", async () => {
    const first = await launched("--simulate", "1");
    await untilReady(first);
    const second = await launched("--port", `${first.port}`);
    const [code] = await once(second.process, "exit");
    running = first;
    expect(code).toBe(1);
    expect(second.output()).toContain(`another Hintway, process ${first.process.pid}.`);
    expect(second.output()).toContain(`\`kill ${first.process.pid}\``);
  });

  it("says what is wrong with a file before it starts anything, and ends with a failure", async () => {
    const config = join(temporaryFolder(), "config.yaml");
    execFileSync("/bin/sh", ["-c", `echo 'no: configuration' > ${config}`]);
    const launcher = await launched("--simulate", "1", "--config", config);
    const [code] = await once(launcher.process, "exit");
    expect(code).toBe(1);
    expect(launcher.output()).toMatch(/^error: .*config\.yaml:1:1: unknown key "no"/m);
    expect(launcher.output()).not.toContain("Starting");
  });
});
