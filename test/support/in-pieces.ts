import { expect } from "vitest";
import { ask, candidateOf, chat, prose } from "./asking.ts";
import { settle } from "./until.ts";

const PROMPT_BYTES = 60_000;
/** No divisor of a block or a buffer. */
const PIECE_BYTES = 7_001;

/** Expects that a body which comes in pieces is read as one that comes at once. */
export async function expectKeysInPieces(url: string): Promise<void> {
  const asking = chat([{ role: "user", content: prose("in pieces", PROMPT_BYTES) }]);
  const whole = await ask(url, asking);
  await settle();
  const pieces = await ask(url, { ...asking, pieceBytes: PIECE_BYTES });
  expect(pieces.status).toBe(200);
  expect(pieces.explanation?.keys).toBe(whole.explanation?.keys);
  expect(candidateOf(pieces, whole.endpoint)?.matchedKeys).toBe(whole.explanation?.keys);
}
