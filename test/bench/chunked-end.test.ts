import { expect, test } from "vitest";
import { ChunkedEnd } from "../../bench/parts/chunked-end.ts";

const BODY = "5\r\nhello\r\n0\r\n\r\n";

test("the end of a chunked body is found wherever its bytes are cut", () => {
  for (let cut = 0; cut < BODY.length; cut++) {
    const end = new ChunkedEnd();
    expect(end.take(Buffer.from(BODY.slice(0, cut)))).toBe(false);
    expect(end.take(Buffer.from(BODY.slice(cut)))).toBe(true);
  }
});

test("a body without any chunk ends at once", () => {
  expect(new ChunkedEnd().take(Buffer.from("0\r\n\r\n"))).toBe(true);
});
