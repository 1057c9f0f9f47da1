import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { withLock } from "../../start/lock.ts";
import { temporaryFolder } from "../support/components.ts";
import { LAUNCH } from "../support/launch.ts";

/** Above every process id that Linux gives out. */
const DEAD_PROCESS = 2 ** 22 + 1;

describe("a lock", () => {
  it("lets one in at a time", async () => {
    const path = join(temporaryFolder(), "lock");
    let inside = 0;
    let insideMax = 0;
    const work = () =>
      withLock(path, LAUNCH, async () => {
        inside += 1;
        insideMax = Math.max(insideMax, inside);
        await sleep(20);
        inside -= 1;
      });
    await Promise.all([work(), work(), work()]);
    expect(insideMax).toBe(1);
    expect(existsSync(path)).toBe(false);
  });

  it("is released when the work fails", async () => {
    const path = join(temporaryFolder(), "lock");
    await expect(withLock(path, LAUNCH, () => Promise.reject(new Error("broken")))).rejects.toThrow(
      "broken",
    );
    expect(await withLock(path, LAUNCH, async () => "in")).toBe("in");
  });

  it("says whom it waits for", async () => {
    const path = join(temporaryFolder(), "lock");
    const said: string[] = [];
    const launch = { ...LAUNCH, say: (line: string) => said.push(line) };
    let other = Promise.resolve();
    await withLock(path, launch, async () => {
      other = withLock(path, launch, async () => {});
      expect(said).toEqual([`Waiting for another start, which holds ${path} ...`]);
    });
    await other;
  });

  it("that cannot be written is refused with the remedy", async () => {
    const folder = join(temporaryFolder(), "file");
    writeFileSync(folder, "");
    await expect(withLock(join(folder, "lock"), LAUNCH, async () => {})).rejects.toThrow(
      /cannot be written \(E(EXIST|NOTDIR)\)[\s\S]*Make the folder/,
    );
  });

  it("is taken over from a holder that is dead", async () => {
    const path = join(temporaryFolder(), "lock");
    writeFileSync(path, String(DEAD_PROCESS));
    expect(await withLock(path, LAUNCH, async () => "in")).toBe("in");
  });
});
