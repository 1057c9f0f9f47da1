// Unescapes the text of a string into one buffer, so that text with an escape on every line is
// handed on in pieces of up to a kilobyte. What has to survive the end of a chunk is one half of a
// surrogate pair and an unfinished code unit; the buffer is used within a call only, so all share it.
import {
  fromSurrogates,
  hexDigit,
  hexUnit,
  isHighSurrogate,
  isLowSurrogate,
  plainEscape,
  writeReplacement,
  writeUtf8,
} from "./escapes.ts";
import { BACKSLASH, isSpecial, specialMask } from "./scan.ts";

const BUFFER_BYTES: u32 = 1024;
/** The most that one step writes: a plain run and one step beyond it. */
const STEP_BYTES: u32 = 96;
/** A run this long without an escape is better handed over from where it stands. */
const PLAIN_RUN_BYTES: usize = 64;

const LETTER_U: u8 = 0x75;

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
    this.end = BUFFER;
    while (at < end && this.end <= FULL) {
      if (load<u8>(at) === BACKSLASH) {
        const next = this.readEscape(at, end);
        if (next === at) return at;
        at = next;
      } else {
        if (this.high !== 0) this.endLone();
        const next = this.copyRun(at, end);
        if (next === at || next - at >= PLAIN_RUN_BYTES) return next;
        at = next;
      }
    }
    return at;
  }

  private readEscape(at: usize, end: usize): usize {
    if (end - at < 2) return at;
    const plain = plainEscape(load<u8>(at, 1));
    if (plain !== 0) {
      this.writePlain(plain);
      return at + 2;
    }
    if (load<u8>(at, 1) !== LETTER_U || end - at < 6) return at;
    const unit = hexUnit(at + 2);
    if (unit > 0xffff) return at;
    this.writeUnit(unit);
    return at + 6;
  }

  /** Copies up to the next byte that is not plain text, or a little more than a plain run. */
  private copyRun(at: usize, end: usize): usize {
    const stop = end - at > PLAIN_RUN_BYTES ? at + PLAIN_RUN_BYTES : end;
    let out = this.end;
    while (at + 16 <= stop) {
      v128.store(out, v128.load(at));
      const mask = specialMask(at);
      if (mask !== 0) {
        this.end = out + ctz(mask);
        return at + ctz(mask);
      }
      at += 16;
      out += 16;
    }
    while (at < stop && !isSpecial(load<u8>(at))) store<u8>(out++, load<u8>(at++));
    this.end = out;
    return at;
  }

  private writePlain(byte: u8): void {
    if (this.high !== 0) this.endLone();
    store<u8>(this.end, byte);
    this.end++;
  }

  private endLone(): void {
    this.high = 0;
    this.end = writeReplacement(this.end);
  }

  private writeUnit(unit: u32): void {
    if (this.high !== 0) {
      if (isLowSurrogate(unit)) {
        this.end = writeUtf8(this.end, fromSurrogates(this.high, unit));
        this.high = 0;
        return;
      }
      this.endLone();
    }
    if (isHighSurrogate(unit)) this.high = unit;
    else if (isLowSurrogate(unit)) this.end = writeReplacement(this.end);
    else this.end = writeUtf8(this.end, unit);
  }

  /** The byte after a backslash, alone. Answers whether it is an escape and needs no digits. */
  readPlain(byte: u8): bool {
    this.end = BUFFER;
    const plain = plainEscape(byte);
    if (plain !== 0) this.writePlain(plain);
    return plain !== 0;
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
    this.end = BUFFER;
    this.unit = (this.unit << 4) | digit;
    this.digits++;
    if (this.digits === 4) this.writeUnit(this.unit);
    return true;
  }

  hasUnit(): bool {
    return this.digits === 4;
  }
}
