import { expect, test } from "vitest";
import { KvCache } from "../../simulator/kv-cache.ts";

test("the end of a prompt is evicted before its beginning, the longest free prompt first", () => {
  const cache = new KvCache(6);
  for (const keys of [
    [1, 2, 3],
    [4, 5, 6],
  ]) {
    cache.hold(keys, 0, 3);
    cache.release(keys, 3);
  }
  cache.addPrivate(2);
  cache.evict();
  expect(cache.match([1, 2, 3], 3)).toBe(1);
  expect(cache.match([4, 5, 6], 3)).toBe(3);
});

test("a block that a request holds is not evicted, and counts once for all holders", () => {
  const cache = new KvCache(4);
  cache.hold([1, 2], 0, 2);
  cache.hold([1, 2], 0, 2);
  expect(cache.usedBlocks).toBe(2);
  cache.release([1, 2], 2);
  cache.addPrivate(2);
  cache.evict();
  expect(cache.match([1, 2], 2)).toBe(2);
  expect(cache.availableBlocks).toBe(0);
});
