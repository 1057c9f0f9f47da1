// The words that may stand where a value may.
import {
  LITERAL_FALSE,
  LITERAL_INFINITY,
  LITERAL_NAN,
  LITERAL_NULL,
  LITERAL_TRUE,
} from "./handler.ts";

export const NO_LITERAL: u32 = 0xff;

/** The literal that begins with this byte, or NO_LITERAL. */
export function literalFrom(byte: u8): u32 {
  if (byte === 0x74) return LITERAL_TRUE;
  if (byte === 0x66) return LITERAL_FALSE;
  if (byte === 0x6e) return LITERAL_NULL;
  if (byte === 0x4e) return LITERAL_NAN;
  return byte === 0x49 ? LITERAL_INFINITY : NO_LITERAL;
}

/** The letters of a literal, without the sign of minus infinity. */
export function literalWord(kind: u32): string {
  if (kind === LITERAL_TRUE) return "true";
  if (kind === LITERAL_FALSE) return "false";
  if (kind === LITERAL_NULL) return "null";
  return kind === LITERAL_NAN ? "NaN" : "Infinity";
}
