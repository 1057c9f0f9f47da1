import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Positions } from "../../../control-plane/hints/positions.ts";
import { Slots } from "../../../control-plane/pool/slots.ts";
import { SLOTS_MAX } from "../../../protocol/limits.ts";

describe("slots", () => {
  it("an endpoint's slot goes to another one only after it has rested", () => {
    const slots = new Slots(1000);
    expect([slots.assign("a", 0), slots.assign("b", 0)]).toEqual([0, 1]);
    slots.release(0, 100);
    slots.sweep(200);
    expect(slots.assign("c", 200)).toBe(2);
    slots.sweep(1100);
    expect(slots.assign("d", 1100)).toBe(0);
  });

  it("an endpoint that returns has its own slot back at once", () => {
    const slots = new Slots(1000);
    slots.assign("a", 0);
    slots.release(0, 100);
    expect(slots.assign("a", 101)).toBe(0);
  });

  it("where all rest, the one that has rested longest is given before none is", () => {
    const slots = new Slots(1000);
    for (let slot = 0; slot < SLOTS_MAX; slot++) slots.assign(`first-${slot}`, 0);
    expect(slots.assign("late", 0)).toBeNull();
    slots.release(7, 1);
    slots.release(5, 2);
    expect([slots.assign("a", 3), slots.assign("b", 3), slots.assign("c", 3)]).toEqual([
      7,
      5,
      null,
    ]);
  });

  it("no two endpoints ever share one, whatever is claimed, assigned and released", () => {
    const address = fc.constantFrom("a", "b", "c", "d", "e");
    const step = fc.oneof(
      fc.record({ kind: fc.constant("claim" as const), address, slot: fc.nat(6) }),
      fc.record({ kind: fc.constant("assign" as const), address }),
      fc.record({ kind: fc.constant("release" as const), address }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const slots = new Slots(5);
        const held = new Map<string, number>();
        for (const [nowMs, taken] of steps.entries()) {
          const own = held.get(taken.address);
          if (taken.kind === "claim") slots.claim(taken.address, taken.slot);
          else if (taken.kind === "assign" && own === undefined) {
            held.set(taken.address, slots.assign(taken.address, nowMs)!);
          } else if (taken.kind === "release" && own !== undefined) {
            slots.release(own, nowMs);
            held.delete(taken.address);
          }
          slots.sweep(nowMs);
          expect(new Set(held.values()).size).toBe(held.size);
        }
      }),
    );
  });
});

describe("positions", () => {
  it("a count that is used up begins anew, which is not another process", () => {
    let draws = 0;
    const positions = new Positions(() => draws++ / 10, 5);
    const { generation, origin } = positions;
    while (!positions.isUsedUp) positions.nextLoads();
    positions.beginCounting();
    expect(positions.generation).toBe(generation);
    expect([positions.table, positions.loads, positions.index]).toEqual([1, 1, 1]);
    expect(positions.areOurs({ generation, origin })).toBe(false);
    expect(positions.areAnothers({ generation, origin })).toBe(false);
    expect(positions.areAnothers({ generation, origin: 12_345 })).toBe(true);
    expect(positions.areAnothers({ generation: 12_345, origin })).toBe(true);
    expect(positions.areAnothers({ generation: 0, origin: 0 })).toBe(false);
  });

  it("a generation that replicas agreed on is taken, and the own one is no other process's", () => {
    const positions = new Positions(Math.random);
    const { generation, origin } = positions;
    positions.adopt(77);
    expect(positions.areOurs({ generation: 77, origin })).toBe(true);
    expect(positions.areAnothers({ generation, origin })).toBe(false);
  });

  it("a generation is never 0, whatever is drawn", () => {
    for (const drawn of [0, 0.5, 1 - 2 ** -53]) {
      const { generation } = new Positions(() => drawn);
      expect(generation).toBeGreaterThan(0);
      expect(generation).toBeLessThanOrEqual(0xffffffff);
    }
  });
});
