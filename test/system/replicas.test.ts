import { afterAll, beforeAll, expect, it } from "vitest";
import { learnedBySecond } from "../../bench/shown/scenarios.ts";
import { ask, candidateOf, chat, type Message, prose } from "../support/asking.ts";
import type { ControlPlane, Envoy } from "../support/components.ts";
import { PinnedConnection } from "../support/pinned-connection.ts";
import { pollsAt, Replicated, statusOf } from "../support/replicas.ts";
import { Traffic } from "../support/traffic.ts";
import { until } from "../support/until.ts";
import { describeWithValkey, Valkey } from "../support/valkey/valkey.ts";

const CONVERSATION: Message[] = [{ role: "user", content: prose("kept", 12_000) }];

describeWithValkey("two replicas and a gateway at each", (binary) => {
  let valkey: Valkey;
  let all: Replicated;
  let first: Envoy;
  let second: Envoy;

  beforeAll(async () => {
    valkey = await Valkey.start(binary);
    all = await Replicated.start(valkey.url, 3);
    first = await all.startEnvoyAt(all.replicas[0]!);
    second = await all.startEnvoyAt(all.replicas[1]!);
    for (const { url } of [first, second]) {
      await until("it explains", async () => (await ask(url, chat(CONVERSATION))).explanation);
    }
  });

  afterAll(async () => {
    await all?.stop();
    await valkey?.kill();
  });

  async function answers(envoy: Envoy): Promise<number | undefined> {
    const { explanation } = await ask(envoy.url, chat(CONVERSATION));
    return explanation?.candidates.reduce(
      (most, { matchedKeys }) => Math.max(most, matchedKeys),
      0,
    );
  }

  /** Requests through both gateways until the promise is done. */
  async function underLoad(during: Promise<void>): Promise<{ failed: number; some: boolean }[]> {
    const connections = [first, second].map(({ url }) => new PinnedConnection(url));
    const loads = connections.map((connection) => new Traffic(connection));
    await during;
    return Promise.all(loads.map((load) => load.end()));
  }

  /** How often each gateway has polled there. */
  async function pollsOf(replica: ControlPlane): Promise<Map<string, number>> {
    const { gateways } = await statusOf(replica);
    return new Map(gateways.map(({ id, polls }) => [id, polls]));
  }

  const isShared = async (replica: ControlPlane) =>
    (await statusOf(replica)).replicas.replicas === 2;

  it("each gateway stays with its replica", async () => {
    await until("the polls are where they were", async () => {
      return (await pollsAt(all.replicas[0]!)) === 1 && (await pollsAt(all.replicas[1]!)) === 1;
    });
    const before = await Promise.all(all.replicas.map(pollsOf));
    // What one picks is told to the other, which ends its poll.
    const polling = await until("each has polled five times more", async () => {
      for (const { url } of [first, second]) await ask(url, chat(CONVERSATION));
      const polls = await Promise.all(all.replicas.map(pollsOf));
      const since = polls.map((own, at) =>
        [...own].map(([id, count]) => ({ id, count: count - (before[at]?.get(id) ?? 0) })),
      );
      const isEnough = since.every((own) => own.some(({ count }) => count >= 5));
      return isEnough ? since.map((own) => own.filter(({ count }) => count > 0)) : undefined;
    });
    expect(polling.map(({ length }) => length)).toEqual([1, 1]);
    expect(polling[0]?.[0]?.id).not.toBe(polling[1]?.[0]?.id);
  });

  it("a prefix that one picks is known to the other", async () => {
    const waitsMs = await learnedBySecond(first.url, second.url, 10);
    expect(waitsMs.every(Number.isFinite)).toBe(true);
  });

  it("both replicas killed in turn fail no request, and the index is whole", async () => {
    const keys = await answers(first);
    const loads = await underLoad(
      (async () => {
        for (const replica of all.replicas) {
          await replica.kill();
          const other = all.replicas.find((one) => one !== replica)!;
          await until("both poll the other", async () => (await pollsAt(other)) === 2);
          await replica.start();
          await until("both are there", async () => isShared(replica));
        }
      })(),
    );
    for (const load of loads) expect(load).toEqual({ failed: 0, some: true });
    expect(await answers(first)).toBe(keys);
    expect(await answers(second)).toBe(keys);
    const late = await all.startEnvoy();
    await until("a gateway that starts is told", async () => (await answers(late)) === keys);
    await all.stopEnvoy(late);
  });

  it("the store killed fails no request, and picks are shared again when it is back", async () => {
    const loads = await underLoad(
      (async () => {
        await valkey.kill();
        await until("both say so", async () => {
          const shown = await Promise.all(all.replicas.map(statusOf));
          return shown.every(({ replicas }) => !replicas.isConnected);
        });
        expect((await ask(first.url, chat(CONVERSATION))).explanation?.stage).toBe("fresh");
        await valkey.start();
        await until("both are there", async () => isShared(all.replicas[0]!));
      })(),
    );
    for (const load of loads) expect(load).toEqual({ failed: 0, some: true });
    const told: Message[] = [{ role: "user", content: prose("after the store was away", 6_000) }];
    const picked = await ask(first.url, chat(told));
    await until("the other knows", async () => {
      const answer = await ask(second.url, chat(told));
      return candidateOf(answer, picked.endpoint)?.matchedKeys;
    });
  });
});
