import { expect, test } from "vitest";
import { readEngineIds } from "../../../control-plane/engines/bootstrap.ts";

test("a bootstrap server tells the engine of each rank", () => {
  const page =
    '{"0":{"engine_id":"a","worker_addr":{"0":{"0":"tcp://h:1"}}},"1":{"engine_id":"b"}}';
  expect(readEngineIds(page)).toEqual(
    new Map([
      [0, "a"],
      [1, "b"],
    ]),
  );
});

test.each([
  '{"0":{"engine_id":""}}',
  '{"0":{"engine_id":"a\\"b"}}',
  '{"0":{"engine_id":"a\\\\b"}}',
  '{"0":{"engine_id":"a\\nb"}}',
  '{"0":{"engine_id":"é"}}',
  '{"0":{"engine_id":7}}',
  '{"0":null}',
  `{"0":{"engine_id":"${"x".repeat(129)}"}}`,
])("a name that cannot be told is none: %s", (page) => {
  expect(readEngineIds(page)).toEqual(new Map());
});

test.each(["", "[]", "null", "7", "<html>"])("%j is no answer", (page) => {
  expect(readEngineIds(page)).toBeNull();
});
