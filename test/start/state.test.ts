import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { makeStateDir, readLastKnown, writeToken } from "../../start/state.ts";
import { temporaryFolder } from "../support/components.ts";

describe("the state folder", () => {
  it("holds a different token for each start, readable by its owner only", () => {
    const folder = temporaryFolder();
    const first = writeToken(folder);
    chmodSync(first.path, 0o644);
    const second = writeToken(folder);
    expect(second.token).not.toBe(first.token);
    expect(readFileSync(second.path, "utf8")).toBe(second.token);
    expect(statSync(second.path).mode & 0o777).toBe(0o600);
  });

  it("that cannot be written is refused by name", () => {
    const file = join(temporaryFolder(), "file");
    writeFileSync(file, "");
    expect(() => makeStateDir(file)).toThrow(
      /state folder .*file cannot be written.*[\s\S]*--state-dir/,
    );
  });

  it("on a full disk is refused by name", () => {
    const folder = temporaryFolder();
    symlinkSync("/dev/full", join(folder, "writable.unfinished"));
    expect(() => makeStateDir(folder)).toThrow(/writable cannot be written \(ENOSPC\)[\s\S]*Free/);
  });

  it.each([
    ["absent", undefined],
    ["no JSON", "{"],
    ["null", "null"],
    ["without hints", '{"clusters":[]}'],
  ])("gives no last known state when it is %s", (_name, text) => {
    const folder = temporaryFolder();
    if (text !== undefined) writeFileSync(join(folder, "last-known.json"), text);
    expect(readLastKnown(folder)).toBeUndefined();
  });
});
