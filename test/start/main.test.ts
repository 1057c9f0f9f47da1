import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { freePorts } from "../../start/ports.ts";
import { temporaryFolder } from "../support/components.ts";
import { until } from "../support/until.ts";

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
  const stateDir = temporaryFolder();
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

async function ended(launcher: Launcher, signal: NodeJS.Signals): Promise<void> {
  const { exitCode, signalCode } = launcher.process;
  if (exitCode !== null || signalCode !== null) return;
  const exit = once(launcher.process, "exit");
  launcher.process.kill(signal);
  await exit;
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
  it("ends in a gateway whose curl line works as it stands", async () => {
    const launcher = await launched("--simulate", "2");
    await until("the ready line", () => isReady(launcher), 60_000);
    const curl = /^curl .*$/m.exec(launcher.output())?.[0] ?? "";
    const answer = execFileSync("/bin/sh", ["-c", `${curl} --silent`], { encoding: "utf8" });
    expect(JSON.parse(answer)).toMatchObject({ object: "chat.completion", model: "hintway-sim" });
  });

  it.each(["SIGTERM", "SIGINT", "SIGKILL"] as const)(
    "leaves nothing behind on %s",
    async (signal) => {
      const launcher = await launched("--simulate", "2");
      await until("the ready line", () => isReady(launcher), 60_000);
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

  it("names the remedy when its port is taken, and ends with a failure", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const address = other.address();
    const port = typeof address === "object" ? address?.port : 0;
    const launcher = await launched("--port", `${port}`);
    const [code] = await once(launcher.process, "exit");
    other.close();
    expect(code).toBe(1);
    expect(launcher.output()).toMatch(/Port \d+ .* is taken[\s\S]*HINTWAY_PORT/);
  });

  it("shows a part's last words when it refuses to start, and ends with a failure", async () => {
    const config = join(temporaryFolder(), "config.yaml");
    execFileSync("/bin/sh", ["-c", `echo 'no: configuration' > ${config}`]);
    const launcher = await launched("--simulate", "1", "--config", config);
    const [code] = await once(launcher.process, "exit");
    expect(code).toBe(1);
    expect(launcher.output()).toMatch(/Control plane ended \(exit code 1\)[\s\S]*config\.yaml/);
    await until("the end of every part", () => children(launcher).length === 0);
  });
});
