// What a control plane uses while nothing happens: probes, polls and what Envoy asks for.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { projectPath } from "../../start/project.ts";
import { TestGateway } from "../../test/control-plane/hints/gateway.ts";
import { type ControlPlane, startControlPlane } from "../../test/support/components.ts";
import { measureUsage } from "../measure/processor-time.ts";
import { vllmPage } from "./vllm-page.ts";

export interface IdlePlan {
  endpoints: number;
  /** Before the first measurement: code is compiled and memory grows to what it needs. */
  warmSeconds: number;
  /** Of each measurement. */
  seconds: number;
}

interface IdleUse {
  /** Who talks to the control plane meanwhile. */
  callers: string;
  /** Of one core. */
  cores: number;
  residentMiB: number;
  /** Of the machine's CPUs, what all other processes used: 0 to 1. */
  othersShare: number;
}

export interface IdleMeasured {
  pageBytes: number;
  uses: IdleUse[];
}

export async function measureIdle(plan: IdlePlan): Promise<IdleMeasured> {
  const { endpoints, warmSeconds, seconds } = plan;
  const servers = await startServers(endpoints);
  const controlPlane = await startControlPlane({
    endpoints: servers.ports.map((port) => `127.0.0.1:${port}`),
  });
  try {
    await sleep(warmSeconds * 1000);
    const alone = await measureUse("nobody", controlPlane, seconds);
    const calling = startCalling(controlPlane);
    await sleep(1000);
    const called = await measureUse("a gateway and its Envoy", controlPlane, seconds);
    await calling.stop();
    return { pageBytes: vllmPage().length, uses: [alone, called] };
  } finally {
    await controlPlane.stop();
    servers.process.stdin?.end();
  }
}

async function measureUse(
  callers: string,
  { process }: ControlPlane,
  seconds: number,
): Promise<IdleUse> {
  const id = process.pid ?? 0;
  const end = measureUsage({ controlPlane: id });
  await sleep(seconds * 1000);
  const usage = end();
  const cores = (usage.processes["controlPlane"] ?? 0) / usage.seconds;
  return { callers, cores, residentMiB: residentMiB(id), othersShare: usage.othersShare };
}

function residentMiB(processId: number): number {
  const status = readFileSync(`/proc/${processId}/status`, "utf8");
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

async function startServers(count: number): Promise<{ process: ChildProcess; ports: string[] }> {
  const script = projectPath("bench", "metrics-pages.ts");
  const child = spawn(process.execPath, [script, String(count)], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  let line = "";
  while (!line.endsWith("\n")) line += String((await once(child.stdout, "data"))[0]);
  return { process: child, ports: line.trim().split(",") };
}

const ENVOY_ASKS_MS = 1000;
const HOLD_MS = 10_000;

/** Polls as a gateway does, and asks for clusters and endpoints as its Envoy does. */
function startCalling({ url, token }: ControlPlane): { stop(): Promise<void> } {
  const ending = new AbortController();
  const { signal } = ending;
  const headers = { authorization: `Bearer ${token}` };
  const gateway = new TestGateway(async (path, body) => {
    const answer = await fetch(`${url}${path}`, { method: "POST", headers, body, signal });
    return { status: answer.status, body: Buffer.from(await answer.arrayBuffer()) };
  }, "bench");
  const polling = async () => {
    while (!signal.aborted) await gateway.poll({ holdMs: HOLD_MS });
  };
  const asking = async (kind: string) => {
    let version = "";
    while (!signal.aborted) {
      const body = JSON.stringify({ version_info: version });
      const json = { ...headers, "content-type": "application/json" };
      const path = `${url}/v3/discovery:${kind}`;
      const answer = await fetch(path, { method: "POST", headers: json, body, signal });
      const text = await answer.text();
      if (answer.status === 200)
        version = (JSON.parse(text) as { version_info: string }).version_info;
      await sleep(ENVOY_ASKS_MS, undefined, { signal });
    }
  };
  const running = [polling(), asking("clusters"), asking("endpoints")].map((each) =>
    each.catch((error: unknown) => {
      if (!signal.aborted) throw error;
    }),
  );
  return {
    async stop() {
      ending.abort();
      await Promise.all(running);
    },
  };
}
