// Finds what ends a plain run inside a JSON string, and the end of white space, sixteen or
// sixty-four bytes at a time. Nothing is read at or beyond `end`.

export const QUOTE: u8 = 0x22;
export const BACKSLASH: u8 = 0x5c;
export const SPACE: u8 = 0x20;

// What bytes are compared with stands in memory: the engine would make a constant anew, by three
// instructions, each time it is used.
const QUOTES_TO_SPACES: usize = vectorOf(QUOTE ^ SPACE);
const SPACES: usize = vectorOf(SPACE);
const BACKSLASHES: usize = vectorOf(BACKSLASH);

function vectorOf(byte: u8): usize {
  const at = heap.alloc(16);
  memory.fill(at, byte, 16);
  return at;
}

/** With that bit flipped, quotes and control characters are at most a space, and nothing else is. */
function flipped(bytes: v128): v128 {
  return v128.xor(bytes, v128.load(QUOTES_TO_SPACES));
}

function atMostSpace(bytes: v128): v128 {
  return i8x16.eq(i8x16.min_u(bytes, v128.load(SPACES)), bytes);
}

function backslashes(bytes: v128): v128 {
  return i8x16.eq(bytes, v128.load(BACKSLASHES));
}

/** Lanes that are a quote, a backslash or a control character: a plain run ends there. */
function specials(bytes: v128): v128 {
  return v128.or(atMostSpace(flipped(bytes)), backslashes(bytes));
}

/** Whether there is none in the 64 bytes at `at`: the least of four vectors tells of all. */
export function isPlainStripe(at: usize): bool {
  const a = v128.load(at);
  const b = v128.load(at, 16);
  const c = v128.load(at, 32);
  const d = v128.load(at, 48);
  const least = i8x16.min_u(
    i8x16.min_u(flipped(a), flipped(b)),
    i8x16.min_u(flipped(c), flipped(d)),
  );
  const marks = v128.or(
    v128.or(backslashes(a), backslashes(b)),
    v128.or(backslashes(c), backslashes(d)),
  );
  return !v128.any_true(v128.or(atMostSpace(least), marks));
}

/** The same of the sixteen bytes at `at`, a bit each. */
export function specialMask(at: usize): u32 {
  return i8x16.bitmask(specials(v128.load(at)));
}

export function isSpecial(byte: u8): bool {
  return byte === QUOTE || byte === BACKSLASH || byte < SPACE;
}

/** A string's run is handed over in windows that stay in the nearest cache while it is hashed. */
const WINDOW_BYTES: usize = 4096;
/** Beyond so much, a run is offered whole to who hashes it; escapes are often close together. */
const LONG_RUN_BYTES: usize = 256;

/** How far to look for the run's end first. */
export function windowEnd(at: usize, end: usize, isOffered: bool): usize {
  return min(end, at + (isOffered ? LONG_RUN_BYTES : WINDOW_BYTES));
}

/** Address of the first quote, backslash or control character, or `end`. */
export function findSpecial(at: usize, end: usize): usize {
  while (at + 64 <= end && isPlainStripe(at)) at += 64;
  while (at + 16 <= end) {
    const mask = specialMask(at);
    if (mask !== 0) return at + ctz(mask);
    at += 16;
  }
  while (at < end && !isSpecial(load<u8>(at))) at++;
  return at;
}

export function isSpace(byte: u8): bool {
  return byte === SPACE || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

/** Address of the first byte that is not white space, or `end`. */
export function skipSpace(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const bytes = v128.load(at);
    const spaces = v128.or(
      v128.or(i8x16.eq(bytes, i8x16.splat(SPACE)), i8x16.eq(bytes, i8x16.splat(0x0a))),
      v128.or(i8x16.eq(bytes, i8x16.splat(0x0d)), i8x16.eq(bytes, i8x16.splat(0x09))),
    );
    const mask = i8x16.bitmask(spaces) ^ 0xffff;
    if (mask !== 0) return at + ctz(mask);
    at += 16;
  }
  while (at < end && isSpace(load<u8>(at))) at++;
  return at;
}
