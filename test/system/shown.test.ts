import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { median } from "../../bench/measure/quantiles.ts";
import {
  conversation,
  hotPrompt,
  learnedBySecond,
  type Spread,
  sharedPrompt,
} from "../../bench/shown/scenarios.ts";
import { ask, chat } from "../support/asking.ts";
import {
  type Envoy,
  startEnvoy,
  startWholeGateway,
  type WholeGateway,
} from "../support/components.ts";

// What the README shows, with smaller numbers.

const ENDPOINTS = 4;
let gateway: WholeGateway;
let second: Envoy;

beforeAll(async () => {
  gateway = await startWholeGateway({ simulators: ENDPOINTS });
  second = await startEnvoy({ controlPlane: gateway.controlPlane });
  await ask(second.url, chat([{ role: "user", content: "Hello" }]));
});

afterAll(async () => {
  await second?.stop();
  await gateway?.stop();
});

describe("on a running system", () => {
  test("a conversation of 40 turns stays on one endpoint, whichever worker gets a turn", async () => {
    const { endpoints, cachedTokens, promptTokens } = await conversation(gateway.url, 40);
    expect(endpoints.size).toBe(1);
    expect(cachedTokens / promptTokens).toBeGreaterThan(0.9);
  });

  test("many users of one system prompt are spread over all endpoints and still hit", async () => {
    const crowd = { users: 300, width: 128, tokens: 32 };
    const spread = await sharedPrompt(gateway.url, ENDPOINTS, crowd);
    expect(spread.failed).toBe(0);
    expect(spread.served).toHaveLength(ENDPOINTS);
    // An endpoint is cold to its first user, and to those who come before others hear of that one.
    expect(spread.hits).toBeGreaterThan(0.9 * crowd.users);
  });

  test("few users of one system prompt stay where it is cached", async () => {
    const crowd = { users: 60, width: 4, tokens: 8 };
    const spread = await sharedPrompt(gateway.url, ENDPOINTS, crowd);
    expect(spread.failed).toBe(0);
    expect(spread.served.length).toBeLessThan(ENDPOINTS);
    expect(spread.hits).toBeGreaterThan(0.9 * crowd.users);
  });

  test("one hot prompt leaves no endpoint with half as much again in flight as the mean", async () => {
    const crowd = { users: 500, width: 128, tokens: 32 };
    const spread: Spread = await hotPrompt(gateway.url, ENDPOINTS, crowd);
    expect(spread.failed).toBe(0);
    expect(spread.served).toHaveLength(ENDPOINTS);
    const most = Math.max(...spread.ratios).toFixed(2);
    expect(median(spread.ratios), `the most was ${most}`).toBeLessThan(1.5);
  });

  test("a second gateway learns what the first one picked", async () => {
    const waitsMs = await learnedBySecond(gateway.url, second.url, 5);
    expect(waitsMs.every(Number.isFinite)).toBe(true);
  });
});
