import { describe, expect, test } from "vitest";
import { Slowness } from "../../../control-plane/pool/slowness.ts";

const PROMPT = { promptTokens: 1_000, uncachedTokens: 1_000, aheadTokens: 0 };

/** One endpoint takes `times` as long as seven others, of which each had `requests` requests. */
function learned(
  times: number,
  requests = 60,
): { pool: Slowness; slow: Slowness; other: Slowness } {
  const pool = new Slowness();
  const slow = new Slowness();
  const other = new Slowness();
  for (let at = 0; at < requests; at++) {
    pool.learn(PROMPT, 100 * times, at);
    slow.learn(PROMPT, 100 * times, at);
    other.learn(PROMPT, 100, at);
    for (let endpoint = 0; endpoint < 7; endpoint++) pool.learn(PROMPT, 100, at);
  }
  return { pool, slow, other };
}

describe("the slowness of an endpoint", () => {
  test("is the ratio of its times to the pool's, drawn a little to one", () => {
    const { pool, slow } = learned(3);
    // The pool's logarithms are ln 3 / 8 over the others'; 60 of 62 requests are its own.
    expect(slow.over(pool, 60)).toBeCloseTo(3 ** ((7 / 8) * (60 / 62)), 3);
  });

  test("is one where endpoints differ by a fifth", () => {
    const { pool, slow, other } = learned(1.2);
    expect(slow.over(pool, 60)).toBe(1);
    expect(other.over(pool, 60)).toBe(1);
  });

  test("is one before anything is known", () => {
    expect(new Slowness().over(new Slowness(), 0)).toBe(1);
    expect(new Slowness().over(learned(3).pool, 60)).toBe(1);
  });

  test("is forgotten, so that an endpoint without requests is tried again", () => {
    const { pool, slow } = learned(3);
    const times = [1, 10, 30].map((minutes) => slow.over(pool, minutes * 60_000));
    expect(times[0]).toBeGreaterThan(times[1]!);
    expect(times[2]).toBe(1);
  });

  test("does not depend on how long prompts and their contexts are", () => {
    const pool = new Slowness();
    const long = new Slowness();
    const times = (slowness: Slowness, tokens: number, cached: number): void => {
      const uncachedTokens = tokens - cached;
      // 14 ms a step, 54 µs a token, and as much again for 32,768 tokens of context.
      const context = tokens - uncachedTokens / 2;
      const ms = 256 * 0.054 + 0.054 * uncachedTokens * (1 + context / 32_768);
      const reading = { promptTokens: tokens, uncachedTokens, aheadTokens: 0 };
      slowness.learn(reading, ms, 0);
      pool.learn(reading, ms, 0);
    };
    for (let request = 0; request < 30; request++) {
      times(new Slowness(), 300, 0);
      times(long, 90_000, 80_000);
    }
    expect(long.over(pool, 0)).toBe(1);
  });

  test("is not learned from requests that waited for others mostly", () => {
    const { pool, slow } = learned(3);
    const before = slow.over(pool, 60);
    slow.learn({ ...PROMPT, aheadTokens: 1_001 }, 90_000, 60);
    expect(slow.over(pool, 60)).toBe(before);
  });
});
