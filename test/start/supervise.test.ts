import { afterEach, describe, expect, it } from "vitest";
import { Part, type PartDefinition, type PartEvent } from "../../start/supervise.ts";
import { Watchdog } from "../../start/watchdog.ts";
import { freePort } from "../support/components.ts";
import { until } from "../support/until.ts";

const watchdog = new Watchdog();
const started: Part[] = [];

afterEach(async () => {
  for (const part of started.splice(0)) await part.stop();
});

/** A part whose process answers its health check and does what `script` says beside it. */
async function definition(script = "", port?: number): Promise<PartDefinition> {
  const chosen = port ?? (await freePort());
  const serve = `require("node:http").createServer((_, r) => r.end("ok")).listen(${chosen}, "127.0.0.1");`;
  return {
    name: "Test part",
    command: process.execPath,
    args: ["-e", `${serve}${script}`],
    healthUrl: `http://127.0.0.1:${chosen}/`,
  };
}

function supervised(given: PartDefinition, onEvent?: (event: PartEvent) => void): Part {
  const part = new Part(given, { watchdog, restarts: true, ...(onEvent ? { onEvent } : {}) });
  started.push(part);
  return part;
}

describe("a supervised part", () => {
  it("is started when its health check answers", async () => {
    const given = await definition();
    await supervised(given).start();
    expect((await fetch(given.healthUrl)).status).toBe(200);
  });

  it("that ends before it is healthy fails to start, and its last lines are told", async () => {
    const given = {
      ...(await definition()),
      args: ["-e", "console.error('no luck'); process.exit(3)"],
    };
    await expect(supervised(given).start()).rejects.toThrow(/exit code 3[\s\S]*no luck/);
  });

  it("that ends without a word fails to start, and its program is named", async () => {
    const given = { ...(await definition()), command: "/bin/true", args: [] };
    await expect(supervised(given).start()).rejects.toThrow(
      /exit code 0[\s\S]*printed nothing; look whether \/bin\/true is the right program/,
    );
  });

  it("whose program does not exist fails to start", async () => {
    const given = { ...(await definition()), command: "/nowhere/program" };
    await expect(supervised(given).start()).rejects.toThrow(/could not be run[\s\S]*ENOENT/);
  });

  it("that dies is restarted, with its last lines told", async () => {
    const events: PartEvent[] = [];
    const given = await definition("console.log('serving')");
    const part = supervised(given, (event) => events.push(event));
    await part.start();
    const first = part.process.pid;
    await until("the line", () => part.lines().includes("serving"));
    process.kill(first ?? 0, "SIGKILL");
    await until("the restart", () => events.some(({ kind }) => kind === "restarted"));
    expect(events[0]).toMatchObject({ kind: "died", how: "signal SIGKILL", lines: ["serving"] });
    expect(part.process.pid).not.toBe(first);
    expect((await fetch(given.healthUrl)).status).toBe(200);
  });

  it("that keeps dying is restarted ever later", async () => {
    const delays: number[] = [];
    const given = await definition();
    const part = supervised(given, (event) => {
      if (event.kind === "died") delays.push(event.restartInMs);
    });
    await part.start();
    given.args = ["-e", "process.exit(1)"];
    await part.kill();
    await until("three restarts", () => delays.length >= 3);
    expect(delays.slice(0, 3)).toEqual([200, 400, 800]);
  });

  it("runs its preparation before every start", async () => {
    let preparations = 0;
    const prepare = async () => {
      preparations += 1;
    };
    const part = new Part({ ...(await definition()), prepare }, { watchdog });
    started.push(part);
    await part.start();
    await part.kill();
    await part.start();
    expect(preparations).toBe(2);
  });

  it("that is stopped stays stopped", async () => {
    const events: PartEvent[] = [];
    const given = await definition();
    const part = supervised(given, (event) => events.push(event));
    await part.start();
    await part.stop();
    expect(part.process.signalCode).toBe("SIGTERM");
    expect(events).toEqual([]);
    await expect(fetch(given.healthUrl)).rejects.toThrow();
  });

  it("that ignores the request to end is ended after a grace", async () => {
    const part = supervised(await definition("process.on('SIGTERM', () => {})"));
    await part.start();
    await part.stop();
    expect(part.process.signalCode).toBe("SIGKILL");
  });
});
