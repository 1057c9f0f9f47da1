// What an escape in a JSON string stands for.

const REPLACEMENT: u32 = 0xfffd;
const NOT_HEX: u32 = 0x80;

/** By the byte after the backslash: the byte it stands for, or zero. */
const PLAIN: usize = plainEscapes();
/** By byte: its value as a hexadecimal digit, or NOT_HEX. */
const DIGITS: usize = hexDigits();

function plainEscapes(): usize {
  const table = heap.alloc(256);
  memory.fill(table, 0, 256);
  store<u8>(table + 0x22, 0x22);
  store<u8>(table + 0x5c, 0x5c);
  store<u8>(table + 0x2f, 0x2f);
  store<u8>(table + 0x62, 0x08);
  store<u8>(table + 0x66, 0x0c);
  store<u8>(table + 0x6e, 0x0a);
  store<u8>(table + 0x72, 0x0d);
  store<u8>(table + 0x74, 0x09);
  return table;
}

function hexDigits(): usize {
  const table = heap.alloc(256);
  memory.fill(table, NOT_HEX as u8, 256);
  for (let digit: u32 = 0; digit < 10; digit++) store<u8>(table + 0x30 + digit, digit as u8);
  for (let digit: u32 = 10; digit < 16; digit++) {
    store<u8>(table + 0x37 + digit, digit as u8);
    store<u8>(table + 0x57 + digit, digit as u8);
  }
  return table;
}

/** What `\` and this byte stand for, or zero if that is no escape (or begins `\u`). */
export function plainEscape(byte: u8): u8 {
  return load<u8>(PLAIN + byte);
}

/** Value of a hexadecimal digit, 0x80 or more for another byte. */
export function hexDigit(byte: u8): u32 {
  return load<u8>(DIGITS + byte);
}

/** Value of the four hexadecimal digits at `at`; above 0xffff if one of them is none. */
export function hexUnit(at: usize): u32 {
  const a = hexDigit(load<u8>(at));
  const b = hexDigit(load<u8>(at + 1));
  const c = hexDigit(load<u8>(at + 2));
  const d = hexDigit(load<u8>(at + 3));
  if (((a | b | c | d) & NOT_HEX) !== 0) return 0x10000;
  return (a << 12) | (b << 8) | (c << 4) | d;
}

export function isSurrogate(unit: u32): bool {
  return (unit & 0xf800) === 0xd800;
}

export function isLowSurrogate(unit: u32): bool {
  return (unit & 0xfc00) === 0xdc00;
}

export function fromSurrogates(high: u32, low: u32): u32 {
  return 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
}

/** Writes a code point as UTF-8, at most four bytes. Answers the address behind it. */
export function writeUtf8(at: usize, point: u32): usize {
  if (point < 0x80) {
    store<u8>(at, point as u8);
    return at + 1;
  }
  if (point < 0x800) {
    store<u8>(at, (0xc0 | (point >>> 6)) as u8);
    store<u8>(at, (0x80 | (point & 0x3f)) as u8, 1);
    return at + 2;
  }
  if (point < 0x10000) {
    store<u8>(at, (0xe0 | (point >>> 12)) as u8);
    store<u8>(at, (0x80 | ((point >>> 6) & 0x3f)) as u8, 1);
    store<u8>(at, (0x80 | (point & 0x3f)) as u8, 2);
    return at + 3;
  }
  store<u8>(at, (0xf0 | (point >>> 18)) as u8);
  store<u8>(at, (0x80 | ((point >>> 12) & 0x3f)) as u8, 1);
  store<u8>(at, (0x80 | ((point >>> 6) & 0x3f)) as u8, 2);
  store<u8>(at, (0x80 | (point & 0x3f)) as u8, 3);
  return at + 4;
}

/** A surrogate without its other half becomes U+FFFD, as every UTF-8 encoder writes it. */
export function writeReplacement(at: usize): usize {
  return writeUtf8(at, REPLACEMENT);
}
