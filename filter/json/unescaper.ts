// Unescapes the text of a string into one buffer, so that text with an escape on every line is
// handed on in pieces of up to a kilobyte. What has to survive the end of a chunk is one half of a
// surrogate pair and an unfinished code unit; the buffer is used within a call only, so all share it.
import {
  fromSurrogates,
  hexDigit,
  hexUnit,
  isLowSurrogate,
  isSurrogate,
  plainEscape,
  writeReplacement,
  writeUtf8,
} from "./escapes.ts";
import { BACKSLASH, isSpecial, specialMask } from "./scan.ts";

const BUFFER_BYTES: u32 = 1024;
/** The most that one step writes: a plain run and one step beyond it. */
const STEP_BYTES: u32 = 96;
/** A run this long without an escape is better handed over from where it stands. */
const PLAIN_RUN_BYTES: u32 = 64;

const LETTER_U: u8 = 0x75;
/** Of an escape like `\n`, and of one like `\u00e9`. */
const PLAIN_BYTES: u32 = 2;
const UNIT_BYTES: u32 = 6;

const BUFFER: usize = heap.alloc(BUFFER_BYTES + STEP_BYTES);
const FULL: usize = BUFFER + BUFFER_BYTES;

export class Unescaper {
  /** The first half of a surrogate pair whose second half has not come yet, or zero. */
  private high: u32 = 0;
  /** Hexadecimal digits read of a code unit that the chunk's end has cut, and their value. */
  private digits: u32 = 0;
  private unit: u32 = 0;
  private end: usize = BUFFER;

  begin(): void {
    this.high = 0;
  }

  /** The unescaped text of the last call. */
  text(): usize {
    return BUFFER;
  }

  bytes(): u32 {
    return (this.end - BUFFER) as u32;
  }

  isFull(): bool {
    return this.end > FULL;
  }

  /** Whether half of a surrogate pair waits for the escape that follows. */
  awaitsPair(): bool {
    return this.high !== 0;
  }

  /** Writes the replacement for a half that stays alone. */
  writeLone(): void {
    this.high = 0;
    this.end = writeReplacement(BUFFER);
  }

  /**
   * Reads from a backslash on. Answers where it stopped: at the string's end or another byte that
   * is not text, at a long plain run, when the buffer is full, or at a backslash whose escape is
   * cut by `end` or wrong.
   */
  read(at: usize, end: usize): usize {
    let out = BUFFER;
    while (at < end && out <= FULL) {
      if (load<u8>(at) === BACKSLASH) {
        const next = this.readEscape(out, at, end);
        if (next === 0) break;
        out = next;
        at += load<u8>(at, 1) === LETTER_U ? UNIT_BYTES : PLAIN_BYTES;
      } else {
        if (this.high !== 0) out = this.writeHalf(out);
        const bytes = copyRun(out, at, end);
        out += bytes;
        at += bytes;
        if (bytes === 0 || bytes >= PLAIN_RUN_BYTES) break;
      }
    }
    this.end = out;
    return at;
  }

  /** Writes what the escape at `at` stands for. Answers 0 if it is none, or cut by `end`. */
  private readEscape(out: usize, at: usize, end: usize): usize {
    if (end - at < PLAIN_BYTES) return 0;
    const byte = load<u8>(at, 1);
    if (byte !== LETTER_U) return plainEscape(byte) === 0 ? 0 : this.writePlain(out, at);
    const unit = end - at < UNIT_BYTES ? 0x10000 : hexUnit(at + 2);
    return unit > 0xffff ? 0 : this.writeUnit(out, unit);
  }

  /** What the plain escape at `at` stands for. */
  private writePlain(out: usize, at: usize): usize {
    if (this.high !== 0) out = this.writeHalf(out);
    store<u8>(out, plainEscape(load<u8>(at, 1)));
    return out + 1;
  }

  /** The half of a pair that stays alone. */
  private writeHalf(out: usize): usize {
    this.high = 0;
    return writeReplacement(out);
  }

  private writeUnit(out: usize, unit: u32): usize {
    if (this.high !== 0) {
      if (isLowSurrogate(unit)) {
        const point = fromSurrogates(this.high, unit);
        this.high = 0;
        return writeUtf8(out, point);
      }
      out = this.writeHalf(out);
    }
    if (!isSurrogate(unit)) return writeUtf8(out, unit);
    if (isLowSurrogate(unit)) return writeReplacement(out);
    this.high = unit;
    return out;
  }

  /** The byte after a backslash, at `at`. Answers whether it is an escape and needs no digits. */
  readPlain(at: usize): bool {
    if (plainEscape(load<u8>(at)) === 0) return false;
    this.end = this.writePlain(BUFFER, at - 1);
    return true;
  }

  /** Whether the byte after a backslash begins a code unit; its digits come by `readDigit`. */
  beginsUnit(byte: u8): bool {
    this.digits = 0;
    this.unit = 0;
    return byte === LETTER_U;
  }

  /** Answers false if the byte is no hexadecimal digit. */
  readDigit(byte: u8): bool {
    const digit = hexDigit(byte);
    if (digit > 15) return false;
    this.unit = (this.unit << 4) | digit;
    this.digits++;
    this.end = this.digits === 4 ? this.writeUnit(BUFFER, this.unit) : BUFFER;
    return true;
  }

  hasUnit(): bool {
    return this.digits === 4;
  }
}

/** Copies up to the next byte that is not plain text, or all of a long plain run's beginning. */
function copyRun(out: usize, at: usize, end: usize): u32 {
  const start = at;
  const stop = end - at > PLAIN_RUN_BYTES ? at + PLAIN_RUN_BYTES : end;
  for (; at + 16 <= stop; at += 16) {
    v128.store(out + (at - start), v128.load(at));
    const mask = specialMask(at);
    if (mask !== 0) return (at - start + ctz(mask)) as u32;
  }
  for (; at < stop && !isSpecial(load<u8>(at)); at++) {
    store<u8>(out + (at - start), load<u8>(at));
  }
  return (at - start) as u32;
}
