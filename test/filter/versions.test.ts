import { beforeAll, describe, expect, test } from "vitest";
import { frameVersion } from "../../protocol/frame.ts";
import { ask, destinationsOf } from "../support/asked.ts";
import { FilteredGateway } from "../support/filtered-gateway.ts";
import { hintsFrame, tableOf } from "../support/hints-written.ts";
import { filterSpeaking } from "./filter-speaking.ts";

/** A gateway whose filter was compiled to speak these versions. */
let modules: Record<string, WebAssembly.Module>;
beforeAll(async () => {
  modules = { "1-2": await filterSpeaking(1, 2), "2-3": await filterSpeaking(2, 3) };
});

function speaking(versions: string): FilteredGateway {
  const gateway = new FilteredGateway({ hints: null, vm: { module: modules[versions]! } });
  gateway.run(10);
  return gateway;
}

function versionOf(body: Uint8Array): number {
  return frameVersion(new DataView(body.buffer, body.byteOffset, body.byteLength), 0);
}

const REFUSAL = JSON.stringify({
  error: { message: "The gateway speaks 2 to 3, the control plane 1 to 1." },
});

describe("a filter that speaks versions 1 to 2", () => {
  test("asks in version 1, and says that it speaks both", () => {
    const gateway = speaking("1-2");
    expect(versionOf(gateway.poll!.body)).toBe(1);
    expect(gateway.readPoll().gateways[0]).toMatchObject({ versionMin: 1, versionMax: 2 });
  });

  test("goes on in version 1 with a control plane that answers in it", () => {
    const gateway = speaking("1-2");
    gateway.hint(tableOf(2));
    expect(destinationsOf(ask(gateway.worker))).toHaveLength(2);
    expect(versionOf(gateway.poll!.body)).toBe(1);
    gateway.run(100);
    expect(gateway.told.picks).toHaveLength(1);
  });

  test("goes on in version 2 with a control plane that answers in it, until that is gone", () => {
    const gateway = speaking("1-2");
    gateway.hint(hintsFrame({ version: 2, pools: [{}], endpoints: [{ slot: 0 }] }));
    expect(destinationsOf(ask(gateway.worker))).toHaveLength(1);
    expect(versionOf(gateway.poll!.body)).toBe(2);
    gateway.answerPoll(503);
    gateway.run(200);
    expect(versionOf(gateway.poll!.body)).toBe(1);
  });
});

describe("a filter that speaks versions 2 to 3, where the control plane speaks 1 alone,", () => {
  test("says so once in the log, with both ranges and the remedy, and counts every refusal", () => {
    const gateway = speaking("2-3");
    gateway.answerPoll(426, Buffer.from(REFUSAL));
    gateway.run(600);
    gateway.answerPoll(426, Buffer.from(REFUSAL));
    expect(gateway.counter("versions_refused")).toBe(2);
    const warnings = gateway.worker.logs.map(({ message }) => message);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain("which speaks 2 to 3");
    expect(warnings[0]).toContain("at most one release apart");
    expect(warnings[0]).toContain("the control plane 1 to 1");
  });

  test("refuses its hints whole, and requests go on without", () => {
    const gateway = speaking("2-3");
    gateway.answerPoll(200, tableOf(3));
    expect(gateway.counter("hints_refused")).toBe(1);
    expect(gateway.counter("versions_refused")).toBe(1);
    const request = ask(gateway.worker);
    expect(request.isOver).toBe(false);
    expect(destinationsOf(request)).toEqual([]);
  });
});
