import { setTimeout as sleep } from "node:timers/promises";
import { RESP_TYPES } from "@redis/client";
import { describe, expect, it } from "vitest";
import { endpointsFromFlag } from "../../../control-plane/discovery/file.ts";
import { eachRecord, framesIn } from "../../../control-plane/hints/read-frame.ts";
import * as wire from "../../../protocol/records.ts";
import { until } from "../../support/until.ts";
import { describeWithValkey } from "../../support/valkey/valkey.ts";
import { type Started, startingEach } from "../hints/started.ts";
import { apart, sharing, slotsOf, together } from "./sharing.ts";

const { start } = startingEach();
const STREAM = "{test}:reports";
const NOWHERE = endpointsFromFlag("127.0.0.1:1");

function hasPick(frames: Buffer): boolean {
  let found = false;
  for (const view of framesIn(frames)) {
    eachRecord(view, (kind) => {
      found ||= kind === wire.PICK;
    });
  }
  return found;
}

/** What the control plane logs of the store from here on. */
function linesOf({ controlPlane }: Started): string[] {
  const lines: string[] = [];
  const log = (fields: object, message: string) => {
    const { event } = fields as { event?: string };
    if (event?.startsWith("state-")) lines.push(`${event} ${message}`);
  };
  controlPlane.log = { info: log, warn: log };
  return lines;
}

const isNumbered = (started: Started) => Object.values(slotsOf(started)).every(Number.isInteger);
const inFlight = ({ controlPlane }: Started, slot: number) =>
  controlPlane.hints.shares.others(0, slot).requests;

describeWithValkey("replicas whose store is at fault", (binary) => {
  const { startValkey, startTwo, join, connect } = sharing(start, binary);

  describe.each([
    [
      "has no memory left",
      ["CONFIG", "SET", "maxmemory", "1"],
      ["CONFIG", "SET", "maxmemory", "0"],
    ],
    ["is a read-only copy", ["REPLICAOF", "127.0.0.1", "1"], ["REPLICAOF", "NO", "ONE"]],
    [
      "refuses scripts",
      ["ACL", "SETUSER", "default", "-eval"],
      ["ACL", "SETUSER", "default", "+eval"],
    ],
    [
      "refuses entries",
      ["ACL", "SETUSER", "default", "-xadd"],
      ["ACL", "SETUSER", "default", "+xadd"],
    ],
    [
      "refuses reads",
      ["ACL", "SETUSER", "default", "-xread"],
      ["ACL", "SETUSER", "default", "+xread"],
    ],
  ])("a store that %s", (_, broken, mended) => {
    it("is as good as none: it is said once, endpoints are numbered, and all is well after", async () => {
      const valkey = await startValkey();
      const first = await start({ state: { url: valkey.url, prefix: "test" } });
      await first.gateway("a").poll();
      await together(first);
      const lines = linesOf(first);
      const operator = await connect(valkey.url);
      await operator.sendCommand(broken);
      await apart(first);
      first.list([...first.listed(), ...NOWHERE]);
      expect(isNumbered(first)).toBe(true);
      await sleep(2_200);
      expect(first.controlPlane.replicas?.status.isConnected).toBe(false);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toMatch(/^state-lost .*--state.*XREAD/);
      await operator.sendCommand(mended);
      await together(first);
      expect(isNumbered(first)).toBe(true);
      expect(lines.at(-1)).toContain("state-back");
    });
  });

  it("what was in flight before an outage does not come back after it", async () => {
    const valkey = await startValkey();
    const [first, second] = await startTwo(valkey.url);
    const a = first.gateway("a");
    await a.poll();
    await second.gateway("b").poll();
    await valkey.kill();
    await apart(first, second);
    await a.report((records) => records.flight(0, 50, 5000, 6000, 20));
    const moved = Object.assign(second.gateway("a"), { ...a });
    await moved.poll();
    await sleep(3_200);
    await moved.report((records) => records.flight(0, 0, 0, 0, 0));
    await valkey.start();
    await together(first, second);
    await until("the first hears of it", () => inFlight(first, 0) === 0);
    await sleep(200);
    expect(inFlight(second, 0)).toBe(0);
  });

  it("what ended during an outage has ended for the others after it", async () => {
    const valkey = await startValkey();
    const [first, second] = await startTwo(valkey.url);
    const a = first.gateway("a");
    await a.poll();
    await second.gateway("b").poll();
    await a.report((records) => records.flight(0, 7, 500, 600, 2));
    await until("the second knows", () => inFlight(second, 0) === 7);
    await valkey.kill();
    await apart(first, second);
    await a.report((records) => records.flight(0, 1, 50, 60, 0));
    await sleep(1_200);
    await valkey.start();
    await until("the second knows", () => inFlight(second, 0) === 1);
  });

  it("what was reported by numbers of standing alone is kept from those who number otherwise", async () => {
    const valkey = await startValkey();
    const first = await start({ engines: 4, state: { url: valkey.url, prefix: "test" } });
    const [one, two, three, four] = first.listed() as [never, never, never, never];
    first.list([one, two]);
    const second = await start({ engines: 0, state: { url: valkey.url, prefix: "test" } });
    second.list([one, two]);
    const gateways = [first.gateway("a"), second.gateway("b")];
    for (const gateway of gateways) await gateway.poll();
    await together(first, second);
    await valkey.kill();
    await apart(first, second);
    first.list([one, two, three, four]);
    second.list([one, two, four, three]);
    expect(slotsOf(second)).not.toEqual(slotsOf(first));
    for (const gateway of gateways) {
      await gateway.poll();
      await gateway.report((records) => records.pick(2, [[11, 11]]));
    }
    await valkey.start();
    await together(first, second);
    await until("they number alike", () => {
      return (
        JSON.stringify(slotsOf(first)) === JSON.stringify({ ...slotsOf(first), ...slotsOf(second) })
      );
    });
    await sleep(300);
    const dropped = [first, second].map(
      ({ controlPlane }) => controlPlane.replicas!.status.dropped,
    );
    expect(dropped.filter((count) => count > 0)).toHaveLength(1);
    const [kept, other] = dropped[0] === 0 ? [first, second] : [second, first];
    expect(kept.controlPlane.index.sizeOf(2)).toBe(1);
    expect(other.controlPlane.index.sizeOf(2)).toBe(1);
    expect(other.controlPlane.index.sizeOf(3)).toBe(0);
  });

  it("entries that are older than numbers are kept are not taken at a start", async () => {
    const valkey = await startValkey();
    const first = await start({ state: { url: valkey.url, prefix: "test" } });
    const a = first.gateway("a");
    await a.poll();
    await a.report((records) => records.pick(0, [[5, 5]]));
    const operator = await connect(valkey.url);
    const entries = () =>
      operator.sendCommand(["XRANGE", STREAM, "-", "+"], {
        typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
      }) as unknown as Promise<[Buffer, Buffer[]][]>;
    await until("it is told", async () =>
      (await entries()).some(([, fields]) => hasPick(fields[3]!)),
    );
    const told = await entries();
    await first.stop();
    await operator.del(STREAM);
    for (const [index, [, fields]] of told.entries()) {
      await operator.sendCommand(["XADD", STREAM, `${index + 1}-0`, ...fields]);
    }
    const second = await start({ state: { url: valkey.url, prefix: "test" } });
    await second.gateway("b").poll();
    await together(second);
    await sleep(700);
    expect(second.controlPlane.replicas!.status.received).toBe(0);
  });

  it("a store that begins anew with a clock that is behind is heard all the same", async () => {
    const valkey = await startValkey();
    const first = await start({ state: { url: valkey.url, prefix: "test" } });
    await first.gateway("a").poll();
    await together(first);
    const operator = await connect(valkey.url);
    const ahead = `${Date.now() + 3_600_000}-0`;
    await operator.sendCommand(["XADD", STREAM, ahead, "origin", "1", "frames", ""]);
    await until("it is read", () => first.controlPlane.replicas!.status.replicas === 2);
    await valkey.kill();
    await apart(first);
    await valkey.start();
    const second = await join(valkey.url, first);
    const b = second.gateway("b");
    await b.poll();
    await together(first, second);
    await b.report((records) => records.pick(0, [[5, 5]]));
    await until("the first hears", () => first.controlPlane.index.sizeOf(0) === 1);
    expect(first.controlPlane.replicas!.status.replicas).toBe(2);
  });

  it("nothing is gathered of gateways that report nothing while the store is away", async () => {
    const valkey = await startValkey();
    const first = await start({ state: { url: valkey.url, prefix: "test" } });
    const gateways = ["a", "b", "c"].map((name) => first.gateway(name));
    for (const gateway of gateways) await gateway.poll();
    await together(first);
    await valkey.kill();
    await apart(first);
    const beats = 3;
    for (let beat = 0; beat < beats; beat++) {
      for (const gateway of gateways) void gateway.poll({ holdMs: 10 });
      await sleep(1_000);
    }
    await valkey.start();
    await together(first);
    const operator = await connect(valkey.url);
    const frames = await until("there is an entry with frames", async () => {
      const entries = (await operator.sendCommand(["XRANGE", STREAM, "-", "+"], {
        typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer },
      })) as unknown as [Buffer, Buffer[]][];
      return entries.map(([, fields]) => fields[3]!).find(({ length }) => length > 0);
    });
    expect([...framesIn(frames)].length).toBeLessThanOrEqual(gateways.length);
  });
});
