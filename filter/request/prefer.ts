// `Prefer: if-available` (RFC 7240): the request is to be served only where its prompt is cached, as
// llm-d's coordinator asks before it has a prompt read elsewhere.
import { Text } from "../host/memory.ts";

const IF_AVAILABLE = new Text("if-available");
const COMMA: u8 = 44;
const EQUALS: u8 = 61;
const SEMICOLON: u8 = 59;
const SPACE: u8 = 32;
const TAB: u8 = 9;
const CAPITALS_TO_SMALL: u8 = 32;

/** Whether one of the preferences, which commas part, is this one, with whatever value or parameters. */
export function prefersIfAvailable(value: usize, bytes: u32): bool {
  const end = value + bytes;
  for (let at = value; at < end; at++) {
    if (beginsWithIt(at, end)) return true;
    while (at < end && load<u8>(at) !== COMMA) at++;
  }
  return false;
}

function beginsWithIt(from: usize, end: usize): bool {
  let at = from;
  while (at < end && isBlank(load<u8>(at))) at++;
  if (at + IF_AVAILABLE.bytes > end) return false;
  for (let i: u32 = 0; i < IF_AVAILABLE.bytes; i++) {
    if (small(load<u8>(at + i)) !== load<u8>(IF_AVAILABLE.at + i)) return false;
  }
  at += IF_AVAILABLE.bytes;
  if (at === end) return true;
  const next = load<u8>(at);
  return next === COMMA || next === EQUALS || next === SEMICOLON || isBlank(next);
}

function isBlank(byte: u8): bool {
  return byte === SPACE || byte === TAB;
}

function small(byte: u8): u8 {
  return byte >= 65 && byte <= 90 ? byte + CAPITALS_TO_SMALL : byte;
}
