import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";

function start(...flags: string[]): ChildProcess {
  const child = spawn(process.execPath, ["simulator/main.ts", ...flags]);
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

async function firstLine(stream: NodeJS.ReadableStream | null): Promise<string> {
  let text = "";
  for await (const chunk of stream ?? []) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  return text.trim();
}

test("the process says where it listens, serves, and ends at SIGTERM with status 0", async () => {
  const child = start("--port", "0", "--model", "tiny");
  const line = await firstLine(child.stdout);
  expect(line).toMatch(/^listening 127\.0\.0\.1:\d+$/);
  const models = await fetch(`http://${line.slice("listening ".length)}/v1/models`);
  expect((await models.json()).data[0].id).toBe("tiny");
  child.kill("SIGTERM");
  expect(await once(child, "exit")).toEqual([0, null]);
});

test("a taken port, an unknown profile and limits that do not fit end it with a remedy", async () => {
  const first = start("--port", "0");
  const port = (await firstLine(first.stdout)).split(":").at(-1) as string;
  for (const [flags, message] of [
    [["--port", port], `port ${port} of 127.0.0.1 is taken`],
    [["--profile", "abacus"], "Allowed choices"],
    [["--port", "0", "--kv-blocks", "10", "--max-model-len", "1000"], "raise kv-blocks"],
    [["--speed", "0"], "greater than 0"],
  ] as const) {
    const child = start(...flags);
    const exit = once(child, "exit");
    expect(await firstLine(child.stderr)).toContain(message);
    expect((await exit)[0]).toBe(1);
  }
});

test("its help names every flag and every fault", async () => {
  const child = start("--help");
  let text = "";
  for await (const chunk of child.stdout ?? []) text += chunk;
  for (const word of ["--kv-blocks", "--lora-modules", "x-sim-fault", "reset-after-headers"]) {
    expect(text).toContain(word);
  }
});

test("it stops when its parent has ended", async () => {
  const parent = spawn("sleep", ["600"]);
  onTestFinished(() => void parent.kill("SIGKILL"));
  const child = start("--port", "0", "--parent-pid", String(parent.pid));
  await firstLine(child.stdout);
  const exit = once(child, "exit");
  parent.kill("SIGKILL");
  expect(await exit).toEqual([0, null]);
});
