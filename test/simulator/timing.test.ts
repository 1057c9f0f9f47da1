import { expect, test } from "vitest";
import { decodeMs, decodeStepsWithin, PROFILES, stepMs } from "../../simulator/timing.ts";

const profile = PROFILES["hintway-sim"] as (typeof PROFILES)[string];

test("a cold prompt of 1,000 tokens takes about 60 ms by default, a decoded token about 8 ms", () => {
  const prefill = { prefillTokens: 1000, attentionPairs: 500_000, sequences: 0, contextTokens: 0 };
  expect(stepMs(profile, prefill)).toBeCloseTo(60.4, 1);
  const decode = { prefillTokens: 0, attentionPairs: 0, sequences: 1, contextTokens: 1000 };
  expect(stepMs(profile, decode)).toBeCloseTo(7.98, 1);
});

test("a stretch of decode steps takes as long as the same steps one by one", () => {
  for (const each of Object.values(PROFILES)) {
    const load = { prefillTokens: 0, attentionPairs: 0, sequences: 7, contextTokens: 5000 };
    let sum = 0;
    for (let step = 0; step < 40; step++) {
      sum += decodeMs(each, { ...load, contextTokens: 5000 + 7 * step }, 1);
    }
    expect(decodeMs(each, load, 40)).toBeCloseTo(sum, 6);
  }
});

test("the steps within a time are exactly those that have ended by then", () => {
  const load = { prefillTokens: 0, attentionPairs: 0, sequences: 3, contextTokens: 900 };
  for (let steps = 1; steps <= 50; steps++) {
    const endMs = decodeMs(profile, load, steps);
    expect(decodeStepsWithin(profile, load, endMs, 1000)).toBe(steps);
    expect(decodeStepsWithin(profile, load, endMs - 0.01, 1000)).toBe(steps - 1);
    expect(decodeStepsWithin(profile, load, endMs, steps - 1)).toBe(steps - 1);
  }
});
