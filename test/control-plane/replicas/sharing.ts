// Control planes that share a Valkey, in the test's process.
import { createClient } from "@redis/client";
import { afterEach } from "vitest";
import { until } from "../../support/until.ts";
import { Valkey } from "../../support/valkey/valkey.ts";
import type { Started, StartedOptions } from "../hints/started.ts";

type Start = (options?: StartedOptions) => Promise<Started>;

/** Call it where tests are defined: what was started of it ends with its test. */
export function sharing(start: Start, binary: string) {
  const running: { kill(): unknown }[] = [];
  afterEach(async () => {
    for (const one of running.splice(0).reverse()) await one.kill();
  });

  const startValkey = async (words: string[] = [], password?: string): Promise<Valkey> => {
    const valkey = await Valkey.start(binary, words, password);
    running.push(valkey);
    return valkey;
  };

  /** One more of the same engines, which lists them in another order. */
  const join = async (url: string, first: Started): Promise<Started> => {
    const second = await start({ engines: 0, state: { url, prefix: "test" } });
    second.list(first.listed().reverse());
    await until("all engines are probed", () => second.controlPlane.pools.isReady);
    return second;
  };

  return {
    startValkey,
    join,
    /** Two of the same engines. */
    async startTwo(url: string): Promise<[Started, Started]> {
      const first = await start({ state: { url, prefix: "test" } });
      return [first, await join(url, first)];
    },
    /** An operator's hands on the store. */
    async connect(url: string) {
      const client = createClient({ url });
      client.on("error", () => {});
      await client.connect();
      running.push({ kill: () => client.isOpen && client.destroy() });
      return client;
    },
  };
}

export function slotsOf({ controlPlane }: Started) {
  return Object.fromEntries(
    [...controlPlane.pools.endpoints()].map((one) => [one.address, one.slot]),
  );
}

export function generationOf({ controlPlane }: Started): number {
  return controlPlane.hints.positions.generation;
}

export function heard(one: Started, other: Started) {
  return until("both hear of each other", () => {
    const counts = [one, other].map(({ controlPlane }) => controlPlane.replicas?.status.replicas);
    return counts.every((count) => count === 2);
  });
}

export function apart(...all: Started[]) {
  return until("all are alone", () =>
    all.every(({ controlPlane }) => controlPlane.replicas?.status.isConnected === false),
  );
}

export function together(...all: Started[]) {
  return until("all share the store", () =>
    all.every(({ controlPlane }) => controlPlane.replicas?.status.isConnected === true),
  );
}
