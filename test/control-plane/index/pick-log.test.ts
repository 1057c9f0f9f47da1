import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LastChange } from "../../../control-plane/index/last-change.ts";
import { PickLog } from "../../../control-plane/index/pick-log.ts";
import { PrefixIndex } from "../../../control-plane/index/prefix-index.ts";

function read(log: PickLog, sequence: number, gateway: number, bytesMax = 1000) {
  const records: number[] = [];
  const told = log.read(sequence, gateway, bytesMax, (record) => records.push(record[0]!));
  return { records, told };
}

describe("the log of picks", () => {
  it("tells a gateway what the others picked, and nothing of its own", () => {
    const log = new PickLog();
    for (const [sequence, gateway] of [1, 2, 1, 3].entries()) {
      log.add(sequence + 1, gateway, Uint8Array.of(sequence + 1), 0);
    }
    expect(read(log, 0, 1)).toEqual({ records: [2, 4], told: null });
    expect(read(log, 2, 2)).toEqual({ records: [3, 4], told: null });
    expect(log.hasNews(4, 1)).toBe(false);
    expect(log.hasNews(3, 1)).toBe(true);
    expect(log.hasNews(3, 3)).toBe(false);
  });

  it("tells what does not fit one answer in the next", () => {
    const log = new PickLog();
    for (let sequence = 1; sequence <= 5; sequence++)
      log.add(sequence, 1, Uint8Array.of(sequence), sequence);
    const first = read(log, 0, 2, 2);
    expect(first).toEqual({ records: [1, 2], told: 2 });
    expect(read(log, first.told ?? 0, 2, 1000)).toEqual({ records: [3, 4, 5], told: null });
  });

  it("says that a gateway is behind only when another one's pick was let go", () => {
    const log = new PickLog(2);
    for (let sequence = 1; sequence <= 9; sequence++)
      log.add(sequence, 1, Uint8Array.of(sequence), sequence);
    expect(log.isBehind(0, 1)).toBe(false);
    expect(log.isBehind(6, 2)).toBe(true);
    expect(log.isBehind(7, 2)).toBe(false);
    expect(read(log, 7, 2).records).toEqual([8, 9]);
  });

  it("keeps the newest records within its bytes", () => {
    const log = new PickLog(1000, 10);
    for (let sequence = 1; sequence <= 200; sequence++) {
      log.add(sequence, 1, new Uint8Array(4).fill(sequence), 0);
    }
    expect(read(log, 198, 2).records).toEqual([199, 200]);
    expect(log.isBehind(197, 2)).toBe(true);
  });
});

describe("the last change", () => {
  it("by others is the last one that this gateway did not make", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 30 }), (gateways) => {
        const change = new LastChange();
        for (const [at, gateway] of gateways.entries()) change.note(at + 1, gateway);
        for (let asking = 1; asking <= 4; asking++) {
          const expected = gateways.findLastIndex((gateway) => gateway !== asking) + 1;
          expect(change.byOthers(asking)).toBe(expected);
        }
      }),
    );
  });
});

describe("the prefix index", () => {
  it("keeps as much of each endpoint as is wished, and all endpoints within its bound", () => {
    const index = new PrefixIndex(600);
    index.keep([[0, 60]]);
    expect(index.list(0)?.limit).toBe(60);
    index.keep([[1, 1_140]]);
    expect(index.list(0)!.limit + index.list(1)!.limit).toBeLessThanOrEqual(600);
    expect(index.list(1)?.limit).toBe(570);
    index.drop([1]);
    expect(index.list(0)?.limit).toBe(60);
    expect(index.list(1)).toBeUndefined();
  });
});
