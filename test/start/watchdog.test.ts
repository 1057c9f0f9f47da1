import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { Watchdog } from "../../start/watchdog.ts";
import { until } from "../support/until.ts";

const SLEEP = [process.execPath, ["-e", "setInterval(() => {}, 1000)"]] as const;

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
}

describe("the watchdog", () => {
  it("ends what is left when the launcher is killed", async () => {
    const module = new URL("../../start/watchdog.ts", import.meta.url);
    const launcher = spawn(process.execPath, [
      "--input-type=module-typescript",
      "-e",
      `import { spawn } from "node:child_process";
       import { Watchdog } from ${JSON.stringify(module.href)};
       const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)"], { detached: true });
       new Watchdog().watch(child.pid);
       console.log(child.pid);
       setInterval(() => {}, 1000);`,
    ]);
    const [text] = await once(launcher.stdout, "data");
    const child = Number(String(text));
    expect(isAlive(child)).toBe(true);
    launcher.kill("SIGKILL");
    await until("the end of the child", () => !isAlive(child));
  });

  it("leaves alone what it was told to forget", async () => {
    const [kept, ended] = [spawn(...SLEEP), spawn(...SLEEP)];
    const watchdog = new Watchdog();
    watchdog.watch(kept.pid ?? 0);
    watchdog.watch(ended.pid ?? 0);
    watchdog.forget(kept.pid ?? 0);
    await watchdog.close();
    await until("the end of the other", () => ended.signalCode === "SIGTERM");
    expect(kept.signalCode).toBeNull();
    kept.kill();
  });
});
