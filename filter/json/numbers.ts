// A JSON number, cut anywhere.

const NUMBER_ENDED: u32 = 0;
const NUMBER_MINUS: u32 = 1;
const NUMBER_ZERO: u32 = 2;
const NUMBER_INTEGER: u32 = 3;
const NUMBER_POINT: u32 = 4;
const NUMBER_FRACTION: u32 = 5;
const NUMBER_E: u32 = 6;
const NUMBER_SIGN: u32 = 7;
const NUMBER_EXPONENT: u32 = 8;

function isDigit(byte: u8): bool {
  return ((byte - 0x30) as u8) < 10;
}

/** The part of a number that begins with this byte, or NUMBER_ENDED if none does. */
function firstNumberPart(byte: u8): u32 {
  if (byte === 0x2d) return NUMBER_MINUS;
  if (byte === 0x30) return NUMBER_ZERO;
  return isDigit(byte) ? NUMBER_INTEGER : NUMBER_ENDED;
}

/** The part that `byte` is of, after `part`; NUMBER_ENDED if it cannot stand there. */
function nextNumberPart(part: u32, byte: u8): u32 {
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
function isWholeNumber(part: u32): bool {
  return (
    part === NUMBER_ZERO ||
    part === NUMBER_INTEGER ||
    part === NUMBER_FRACTION ||
    part === NUMBER_EXPONENT
  );
}

export class JsonNumber {
  /** All digits modulo 2³²: the number's size, if it is an integer that fits. */
  integer: u32 = 0;
  isNegative: bool = false;
  private part: u32 = NUMBER_ENDED;

  /** Takes the first byte. Answers false if no number begins with it. */
  begin(byte: u8): bool {
    this.part = firstNumberPart(byte);
    this.isNegative = this.part === NUMBER_MINUS;
    this.integer = this.isNegative ? 0 : byte - 0x30;
    return this.part !== NUMBER_ENDED;
  }

  /** Takes the bytes that follow. Answers where the first stands that is not of it, or `end`. */
  read(at: usize, end: usize): usize {
    let part = this.part;
    let integer = this.integer;
    if (part === NUMBER_INTEGER) {
      for (; at < end && isDigit(load<u8>(at)); at++)
        integer = integer * 10 + (load<u8>(at) - 0x30);
    }
    for (; at < end; at++) {
      const byte = load<u8>(at);
      const next = nextNumberPart(part, byte);
      if (next === NUMBER_ENDED) break;
      if (isDigit(byte)) integer = integer * 10 + (byte - 0x30);
      part = next;
    }
    this.part = part;
    this.integer = integer;
    return at;
  }

  /** Whether it may end here. */
  isWhole(): bool {
    return isWholeNumber(this.part);
  }

  isInteger(): bool {
    return this.part === NUMBER_ZERO || this.part === NUMBER_INTEGER;
  }

  /** Whether it is a sign so far and nothing else. */
  isSign(): bool {
    return this.part === NUMBER_MINUS;
  }
}
