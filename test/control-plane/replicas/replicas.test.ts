import { setTimeout as sleep } from "node:timers/promises";
import { expect, it } from "vitest";
import { FLAG_WANTS_INDEX, FLAG_WHOLE_TABLE } from "../../../protocol/frame.ts";
import { until } from "../../support/until.ts";
import { describeWithValkey } from "../../support/valkey/valkey.ts";
import type { Hints } from "../hints/gateway.ts";
import { startingEach } from "../hints/started.ts";
import { generationOf, heard, sharing, slotsOf } from "./sharing.ts";

const { start } = startingEach();

function hasPick(low: number) {
  return (hints: Hints) => hints.picks.some(({ keys }) => keys.some((key) => key[0] === low));
}

describeWithValkey("replicas that share a Valkey", (binary) => {
  const { startValkey, startTwo, join } = sharing(start, binary);

  it("number endpoints alike, in whatever order each finds them", async () => {
    const [first, second] = await startTwo((await startValkey()).url);
    await first.gateway("a").poll();
    await second.gateway("b").poll();
    expect(slotsOf(second)).toEqual(slotsOf(first));
    expect(Object.values(slotsOf(first)).sort()).toEqual([0, 1]);
    expect(generationOf(second)).toBe(generationOf(first));
  });

  it("know each other's picks, shares and ends", async () => {
    const [first, second] = await startTwo((await startValkey()).url);
    const [a, b] = [first.gateway("a"), second.gateway("b")];
    await a.poll();
    await b.poll();
    await a.report((records) => {
      records.pick(0, [[7, 7]]);
      records.flight(0, 3, 500, 600, 2);
      records.done({ slot: 0, promptBytes: 8000, promptTokens: 1000 });
    });
    const hints = await b.pollUntil(hasPick(7));
    expect(hints.picks).toEqual([{ slot: 0, flags: 0, keys: [[7, 7]] }]);
    const told = hints.loads.find(({ slot }) => slot === 0) ?? (await b.poll())?.loads[0];
    expect(told?.others).toEqual({
      requests: 3,
      backlogBytes: 500,
      residentBytes: 600,
      unanswered: 2,
    });
    expect(second.controlPlane.index.sizeOf(0)).toBe(1);
    expect(second.pool.tokens.bytesPerToken).toBe(first.pool.tokens.bytesPerToken);
    expect(second.pool.tokens.bytesPerToken).toBeGreaterThan(4);
    expect(await second.metrics()).not.toContain("hintway_picks_total{");
  });

  it("take a gateway's reports wherever they arrive, and tell it nothing of its own", async () => {
    const [first, second] = await startTwo((await startValkey()).url);
    const a = first.gateway("a");
    await a.poll();
    const elsewhere = Object.assign(second.gateway("a"), { ...a });
    const { status } = await elsewhere.report((records) => records.pick(1, [[9, 9]]));
    expect(status).toBe(200);
    await until("the first has it", () => first.controlPlane.index.sizeOf(1) === 1);
    const hints = await a.poll({ holdMs: 100 });
    expect(hints?.picks ?? []).toEqual([]);
  });

  it("tell a gateway that comes from another one all it may have missed, and ask for its index", async () => {
    const [first, second] = await startTwo((await startValkey()).url);
    const [a, b] = [first.gateway("a"), first.gateway("b")];
    await a.poll();
    await b.poll();
    await a.report((records) => records.pick(0, [[5, 5]]));
    await until("the second has it", () => second.controlPlane.index.sizeOf(0) === 1);
    const moved = Object.assign(second.gateway("b"), {
      ...{ generation: b.generation, origin: b.origin },
      ...{ table: b.table, loads: b.loads, index: b.index, toldMs: 20 },
    });
    const hints = await moved.poll();
    expect(hints!.flags).toBe(FLAG_WHOLE_TABLE | FLAG_WANTS_INDEX);
    expect(hints!.picks).toEqual([{ slot: 0, flags: 0, keys: [[5, 5]] }]);
    expect(hints!.generation).toBe(b.generation);
    const next = await moved.poll();
    expect((next?.flags ?? 0) & FLAG_WANTS_INDEX).toBe(0);
  });

  it("that start later catch up with what was reported", async () => {
    const { url } = await startValkey();
    const first = await start({ state: { url, prefix: "test" } });
    const a = first.gateway("a");
    await a.poll();
    await a.report((records) => {
      records.pick(0, [[1, 1]]);
      records.flight(1, 4, 0, 100);
    });
    await sleep(50);
    const second = await join(url, first);
    await until("the index is there", () => second.controlPlane.index.sizeOf(0) === 1);
    const told = await second.gateway("b").pollUntil(({ loads }) => loads.length > 1);
    expect(told.loads.find(({ slot }) => slot === 1)?.others.requests).toBe(4);
  });

  it("keep a gateway that only another one hears", async () => {
    const clock = { aheadMs: 0 };
    const { url } = await startValkey();
    const first = await start({ state: { url, prefix: "test" } });
    const a = first.gateway("a");
    await a.poll();
    await a.report((records) => records.flight(0, 1, 0, 0));
    const second = await start({ engines: 0, clock, state: { url, prefix: "test" } });
    second.list(first.listed());
    const known = () => [...second.controlPlane.gateways.all()];
    const heard = await until("the share is known", () => known()[0]);
    await second.gateway("silent").poll();
    const { lastContactMs } = heard;
    // Twice this long is too long for a gateway to be silent.
    clock.aheadMs += 6_000;
    await until("it is said to be there", async () => {
      await a.poll();
      return heard.lastContactMs > lastContactMs + 6_000;
    });
    clock.aheadMs += 6_000;
    await until("the silent one is forgotten", () => known().length === 1);
    expect(known()[0]).toBe(heard);
  });

  it("go on alone without the store, say so, and are whole again when it is back", async () => {
    const valkey = await startValkey();
    const [first, second] = await startTwo(valkey.url);
    const [a, b] = [first.gateway("a"), second.gateway("b")];
    await a.poll();
    await b.poll();
    await heard(first, second);
    const slots = slotsOf(first);
    await valkey.kill();
    await until("both say so", async () => {
      const metrics = await Promise.all([first.metrics(), second.metrics()]);
      return metrics.every((text) => text.includes("hintway_state_connected 0"));
    });
    const { status } = await a.report((records) => records.pick(0, [[3, 3]]));
    expect(status).toBe(200);
    expect(first.controlPlane.index.sizeOf(0)).toBe(1);
    expect((await first.app.inject({ url: "/status" })).payload).toContain("replicas alone");
    await valkey.start();
    await b.pollUntil(hasPick(3));
    expect(slotsOf(first)).toEqual(slots);
    expect(slotsOf(second)).toEqual(slots);
    await heard(first, second);
  });

  it("start without the store, and agree when it is there", async () => {
    const valkey = await startValkey();
    await valkey.kill();
    const [first, second] = await startTwo(valkey.url);
    const [a, b] = [first.gateway("a"), second.gateway("b")];
    expect((await a.poll())?.endpoints).toHaveLength(2);
    expect((await b.poll())?.endpoints).toHaveLength(2);
    expect(slotsOf(first)).not.toEqual(slotsOf(second));
    const generations = [first, second].map(generationOf);
    await valkey.start();
    await until("they number alike", () => {
      const isSame =
        JSON.stringify(slotsOf(first)) ===
        JSON.stringify({ ...slotsOf(first), ...slotsOf(second) });
      return isSame && generationOf(first) === generationOf(second);
    });
    // Whichever was there first has had its way.
    const other = generations[0] === generationOf(first) ? b : a;
    const told = await other.pollUntil((hints) => hints.endpoints.length === 2);
    expect(told.generation).toBe(generationOf(first));
  });

  it("go on alone while the store hangs", async () => {
    const valkey = await startValkey();
    const [first, second] = await startTwo(valkey.url);
    const [a, b] = [first.gateway("a"), second.gateway("b")];
    await a.poll();
    await b.poll();
    valkey.pause(true);
    await a.report((records) => records.pick(1, [[4, 4]]));
    expect(first.controlPlane.index.sizeOf(1)).toBe(1);
    await until("it is said", async () =>
      (await first.metrics()).includes("hintway_state_connected 0"),
    );
    valkey.pause(false);
    await b.pollUntil(hasPick(4));
  });

  it("show a password, and say what is wrong when it is another", async () => {
    const valkey = await startValkey([], "secret");
    const [first] = await startTwo(valkey.url);
    await first.gateway("a").poll();
    expect(first.controlPlane.replicas?.status.isConnected).toBe(true);
    const lines: string[] = [];
    const url = valkey.url.replace("secret", "wrong");
    const third = await start({ engines: 0, state: { url, prefix: "test" } });
    third.controlPlane.log = {
      info() {},
      warn: (_fields, message) => lines.push(message),
    };
    await until("it is logged", () => lines.length > 0);
    expect(lines[0]).toMatch(/--state.*does not answer: WRONGPASS.*user, password/);
    expect(lines[0]).not.toContain("wrong@");
  });
});
