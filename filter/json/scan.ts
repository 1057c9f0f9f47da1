// Finds what ends a plain run inside a JSON string, and the end of white space, sixteen or
// sixty-four bytes at a time. Nothing is read at or beyond `end`.

export const QUOTE: u8 = 0x22;
export const BACKSLASH: u8 = 0x5c;
export const SPACE: u8 = 0x20;

/** Lanes that are a quote, a backslash or a control character: a plain run ends there. */
function specials(bytes: v128): v128 {
  const marks = v128.or(
    i8x16.eq(bytes, i8x16.splat(QUOTE)),
    i8x16.eq(bytes, i8x16.splat(BACKSLASH)),
  );
  const controls = i8x16.eq(i8x16.min_u(bytes, i8x16.splat(SPACE - 1)), bytes);
  return v128.or(marks, controls);
}

/** The same of the sixteen bytes at `at`, a bit each. */
export function specialMask(at: usize): u32 {
  return i8x16.bitmask(specials(v128.load(at)));
}

export function isSpecial(byte: u8): bool {
  return byte === QUOTE || byte === BACKSLASH || byte < SPACE;
}

/** Address of the first quote, backslash or control character, or `end`. */
export function findSpecial(at: usize, end: usize): usize {
  while (at + 64 <= end) {
    const found = v128.or(
      v128.or(specials(v128.load(at)), specials(v128.load(at, 16))),
      v128.or(specials(v128.load(at, 32)), specials(v128.load(at, 48))),
    );
    if (v128.any_true(found)) break;
    at += 64;
  }
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
