import { afterEach, describe, expect, it } from "vitest";
import { Started } from "./started.ts";

let started: Started | null = null;

afterEach(async () => {
  await started?.stop();
  started = null;
});

async function speaking(versionMin: number, versionMax: number): Promise<Started> {
  started = await Started.start({ engines: 0, versions: { versionMin, versionMax } });
  return started;
}

describe("a control plane that speaks versions 1 to 2", () => {
  it("answers a gateway of version 1 alone in version 1", async () => {
    const { gateway } = await speaking(1, 2);
    expect((await gateway("a").poll({ versionMin: 1, versionMax: 1 }))?.version).toBe(1);
  });

  it("answers a gateway of versions 1 to 2 in version 2", async () => {
    const { gateway } = await speaking(1, 2);
    const { status, body } = await gateway("a").pollRaw({ versionMin: 1, versionMax: 2 });
    expect(status).toBe(200);
    expect(body.readUInt16LE(4)).toBe(2);
  });
});

describe("a control plane that speaks version 1 alone", () => {
  it("agrees on it with a gateway of versions 1 to 2, whichever its poll is written in", async () => {
    const { gateway } = await speaking(1, 1);
    for (const version of [1, 2]) {
      const hints = await gateway(`a${version}`).poll({ versionMin: 1, versionMax: 2, version });
      expect(hints?.version).toBe(1);
    }
  });

  it("refuses a gateway of versions 2 to 3 by name of both ranges, and counts it", async () => {
    const { gateway } = await speaking(1, 1);
    const refused = { versionMin: 2, versionMax: 3, version: 2 };
    const { status, body } = await gateway("a").pollRaw(refused);
    expect(status).toBe(426);
    const { code, message } = JSON.parse(body.toString()).error;
    expect(code).toBe("PROTOCOL_VERSION");
    expect(message).toMatch(/versions 2 to 3, the control plane 1 to 1\. Run versions of both/);
    expect(await started?.metrics()).toContain('hintway_frames_refused_total{reason="version"} 1');
  });
});

describe("a control plane that speaks versions 2 to 3", () => {
  it("refuses a gateway of version 1 alone by name of both ranges", async () => {
    const { gateway } = await speaking(2, 3);
    const { status, body } = await gateway("a").pollRaw({ versionMin: 1, versionMax: 1 });
    expect(status).toBe(426);
    expect(JSON.parse(body.toString()).error.message).toMatch(/1 to 1, the control plane 2 to 3/);
  });

  it("takes none of the records of a poll that is written in version 1, and answers in 2", async () => {
    const { gateway } = await speaking(2, 3);
    const claims = [{ slot: 7, address: "10.0.0.1:80" }];
    const versions = { versionMin: 1, versionMax: 2, version: 1 };
    const { status, body } = await gateway("a").pollRaw({ ...versions, claims });
    expect(status).toBe(200);
    expect(body.readUInt16LE(4)).toBe(2);
  });
});
