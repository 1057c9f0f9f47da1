import { describe, expect, test } from "vitest";
import { ForeignLoad } from "../../../control-plane/pool/foreign-load.ts";

const OWN = { waiting: 2, requests: 5 };

function taken(...engine: { waiting: number; requests: number }[]): ForeignLoad {
  const load = new ForeignLoad();
  for (const counted of engine) load.take(counted, OWN);
  return load;
}

const BUSY = { waiting: 12, requests: 25 };

describe("the load that passed no gateway", () => {
  test("is what the engine counts beyond the gateways' own", () => {
    expect(taken(BUSY, BUSY, BUSY).counted).toEqual({ waiting: 10, requests: 20 });
  });

  test("is the least of three readings, as gauges and reports are of different moments", () => {
    const { counted } = taken(BUSY, { waiting: 3, requests: 30 }, BUSY);
    expect(counted).toEqual({ waiting: 1, requests: 20 });
    expect(taken(BUSY, BUSY).counted).toEqual({ waiting: 0, requests: 0 });
  });

  test("is none where gateways have more than the engine has begun to count", () => {
    const late = { waiting: 0, requests: 1 };
    expect(taken(late, late, late).counted).toEqual({ waiting: 0, requests: 0 });
  });

  test("ends when it is not seen in one reading, and when readings end", () => {
    expect(taken(BUSY, BUSY, BUSY, OWN).counted).toEqual({ waiting: 0, requests: 0 });
    const load = taken(BUSY, BUSY, BUSY);
    load.clear();
    expect(load.counted).toEqual({ waiting: 0, requests: 0 });
  });
});
