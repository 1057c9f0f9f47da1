// The grammar of a JSON number, a byte at a time.

export const NUMBER_ENDED: u32 = 0;
export const NUMBER_MINUS: u32 = 1;
export const NUMBER_ZERO: u32 = 2;
export const NUMBER_INTEGER: u32 = 3;
const NUMBER_POINT: u32 = 4;
const NUMBER_FRACTION: u32 = 5;
const NUMBER_E: u32 = 6;
const NUMBER_SIGN: u32 = 7;
const NUMBER_EXPONENT: u32 = 8;

export function isDigit(byte: u8): bool {
  return ((byte - 0x30) as u8) < 10;
}

/** The part of a number that begins with this byte, or NUMBER_ENDED if none does. */
export function firstNumberPart(byte: u8): u32 {
  if (byte === 0x2d) return NUMBER_MINUS;
  if (byte === 0x30) return NUMBER_ZERO;
  return isDigit(byte) ? NUMBER_INTEGER : NUMBER_ENDED;
}

/**
 * The part that `byte` is of, after `part` (NUMBER_ENDED: before the first byte); NUMBER_ENDED if it
 * cannot stand there.
 */
export function nextNumberPart(part: u32, byte: u8): u32 {
  if (part === NUMBER_ENDED) return firstNumberPart(byte);
  if (isDigit(byte)) return afterDigit(part, byte);
  if (byte === 0x2e) {
    return part === NUMBER_ZERO || part === NUMBER_INTEGER ? NUMBER_POINT : NUMBER_ENDED;
  }
  if (byte === 0x65 || byte === 0x45) {
    return isWholeNumber(part) && part !== NUMBER_EXPONENT ? NUMBER_E : NUMBER_ENDED;
  }
  if (byte === 0x2b || byte === 0x2d) return part === NUMBER_E ? NUMBER_SIGN : NUMBER_ENDED;
  return NUMBER_ENDED;
}

function afterDigit(part: u32, byte: u8): u32 {
  if (part === NUMBER_MINUS) return byte === 0x30 ? NUMBER_ZERO : NUMBER_INTEGER;
  if (part === NUMBER_INTEGER) return NUMBER_INTEGER;
  if (part === NUMBER_POINT || part === NUMBER_FRACTION) return NUMBER_FRACTION;
  return part >= NUMBER_E ? NUMBER_EXPONENT : NUMBER_ENDED;
}

/** Whether a number may end after this part. */
export function isWholeNumber(part: u32): bool {
  return (
    part === NUMBER_ZERO ||
    part === NUMBER_INTEGER ||
    part === NUMBER_FRACTION ||
    part === NUMBER_EXPONENT
  );
}

/** Whether a number after this part is still an integer. */
export function isIntegerPart(part: u32): bool {
  return part === NUMBER_ZERO || part === NUMBER_INTEGER;
}
