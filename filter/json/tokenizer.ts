// JSON in chunks, cut anywhere: a pushdown machine whose whole state is the numbers below. It holds
// no byte of the text but a name of up to 64 bytes. Besides RFC 8259 it takes what Python's reader
// takes (a UTF-8 byte order mark, NaN, Infinity), because most model servers read with that one.
import {
  BYTE_ORDER_MARK_BYTES,
  byteOrderMark,
  HEAD_BYTES,
  headPart,
  isWideObject,
  mayBeWide,
} from "./encoding.ts";
import {
  JsonHandler,
  LITERAL_INFINITY,
  LITERAL_MINUS_INFINITY,
  SINK_HASH,
  SINK_PIECES,
  SINK_SKIP,
} from "./handler.ts";
import { literalFrom, literalWord, NO_LITERAL } from "./literals.ts";
import { JsonNumber } from "./numbers.ts";
import { BACKSLASH, findSpecial, isSpace, QUOTE, SPACE, skipSpace, windowEnd } from "./scan.ts";
import { TextHash } from "./text-hash.ts";
import { Unescaper } from "./unescaper.ts";

/** Containers within containers. */
export const DEPTH_MAX: u32 = 64;

/** Why a text is refused. */
export const FAILED_NOT: u32 = 0;
export const FAILED_SYNTAX: u32 = 1;
export const FAILED_DEPTH: u32 = 2;
/** UTF-16 or UTF-32, which Python reads and this does not. */
export const FAILED_ENCODING: u32 = 3;

// What may come next between tokens: bits of `expects`. None: the text has ended.
const VALUE: u32 = 1;
const KEY: u32 = 2;
const CLOSE: u32 = 4;
const COLON: u32 = 8;
const COMMA: u32 = 16;

// What the next byte is part of.
const IN_STRUCTURE: u32 = 0;
const IN_STRING: u32 = 1;
const IN_ESCAPE: u32 = 2;
const IN_UNICODE: u32 = 3;
const IN_NUMBER: u32 = 4;
const IN_LITERAL: u32 = 5;
const IN_BYTE_ORDER_MARK: u32 = 6;
/** The first bytes are those of another encoding, or of no text at all. */
const IN_HEAD: u32 = 7;
const FAILED: u32 = 8;

export class Tokenizer {
  /** One of FAILED_*, or what the handler gave to `fail`. */
  failure: u32 = 0;
  /** Containers open. */
  depth: u32 = 0;
  /** The last member's name: its hash if wanted, its unescaped bytes, where it began; and a container. */
  keyHash: u64 = 0;
  keyBytes: u32 = 0;
  keyStart: u32 = 0;
  containerStart: u32 = 0;
  /** The last number. */
  readonly number: JsonNumber = new JsonNumber();
  /** Of the last value with SINK_HASH; also of the last name. */
  readonly hash: TextHash = new TextHash();

  private mode: u32 = 0;
  private expects: u32 = 0;
  private inObject: bool = false;
  /** Bit i: the container at depth i is an object. */
  private objects: u64 = 0;
  private inKey: bool = false;
  private sink: u32 = 0;
  private readonly unescaper: Unescaper = new Unescaper();
  /** The literal that is being read, and its letters or a mark's bytes seen. */
  private seen: u32 = 0;
  private literal: u32 = 0;
  /** Bytes before this chunk, and where the chunk starts. */
  before: u32 = 0;
  private source: usize = 0;
  /** The text's first bytes, the first one lowest. */
  private head: u64 = 0;

  begin(): void {
    this.failure = FAILED_NOT;
    this.depth = 0;
    this.mode = IN_STRUCTURE;
    this.expects = VALUE;
    this.inObject = false;
    this.objects = 0;
    this.before = 0;
    this.head = 0;
    this.unescaper.begin();
  }

  /** Whether one whole value has been read. White space may follow. */
  hasEnded(): bool {
    return this.mode === IN_STRUCTURE && this.expects === 0;
  }

  /** Stops reading: nothing more is told to the handler. The first reason stays. */
  fail(reason: u32): void {
    if (this.mode !== FAILED) this.failure = reason;
    this.mode = FAILED;
  }

  /** Answers where it stopped: at the end, or at the byte for which the text is refused. */
  read<H extends JsonHandler>(handler: H, source: usize, bytes: u32): usize {
    const end = source + bytes;
    this.source = source;
    if (this.before < HEAD_BYTES) this.head |= headPart(this.before, source, bytes);
    let at = source;
    while (at < end && this.mode !== FAILED) {
      if (this.mode === IN_STRUCTURE) at = this.readStructure<H>(handler, at, end);
      else if (this.mode === IN_STRING) at = this.readString<H>(handler, at, end);
      else if (this.mode === IN_NUMBER) at = this.readNumber<H>(handler, at, at, end);
      else if (this.mode === IN_LITERAL) at = this.readLiteral<H>(handler, at, end);
      else if (this.mode === IN_HEAD) at = this.readHead(at, end);
      else at = this.readEscapeByte<H>(handler, at);
    }
    this.before += bytes;
    return at;
  }

  private offset(at: usize): u32 {
    return this.before + ((at - this.source) as u32);
  }

  private readStructure<H extends JsonHandler>(handler: H, at: usize, end: usize): usize {
    while (at < end && this.mode === IN_STRUCTURE) {
      const byte = load<u8>(at);
      switch (byte) {
        case QUOTE:
          at = this.openString<H>(handler, at, end);
          break;
        case 0x2c: // ,
          this.readComma<H>(handler, at++);
          break;
        case 0x3a: // :
          if (this.expects === COLON) this.expects = VALUE;
          else this.fail(FAILED_SYNTAX);
          at++;
          break;
        case SPACE:
          at++;
          if (at < end && isSpace(load<u8>(at))) at = skipSpace(at, end);
          break;
        case 0x7b: // {
        case 0x5b: // [
          this.open<H>(handler, byte === 0x7b, at++);
          break;
        case 0x7d: // }
        case 0x5d: // ]
          this.close<H>(handler, byte === 0x7d, at++);
          break;
        case 0x0a:
        case 0x0d:
        case 0x09:
          at = skipSpace(at, end);
          break;
        default:
          at = this.openScalar<H>(handler, at, end);
      }
    }
    return at;
  }

  private readComma<H extends JsonHandler>(handler: H, at: usize): void {
    if ((this.expects & COMMA) === 0) {
      this.fail(FAILED_SYNTAX);
      return;
    }
    this.expects = this.inObject ? KEY : VALUE;
    handler.comma(this.offset(at));
  }

  private open<H extends JsonHandler>(handler: H, isObject: bool, at: usize): void {
    if ((this.expects & VALUE) === 0) {
      this.fail(FAILED_SYNTAX);
      return;
    }
    if (this.depth === DEPTH_MAX) {
      this.fail(FAILED_DEPTH);
      return;
    }
    const bit: u64 = (1 as u64) << this.depth++;
    this.objects = isObject ? this.objects | bit : this.objects & ~bit;
    this.containerStart = this.offset(at);
    this.inObject = isObject;
    this.expects = isObject ? KEY | CLOSE : VALUE | CLOSE;
    if (isObject) handler.beginObject();
    else handler.beginArray();
  }

  private close<H extends JsonHandler>(handler: H, isObject: bool, at: usize): void {
    if ((this.expects & CLOSE) === 0 || this.inObject !== isObject) {
      this.fail(FAILED_SYNTAX);
      return;
    }
    handler.endContainer(this.offset(at));
    this.depth--;
    this.inObject = this.depth !== 0 && ((this.objects >>> (this.depth - 1)) & 1) !== 0;
    this.endValue();
  }

  private endValue(): void {
    this.expects = this.depth === 0 ? 0 : COMMA | CLOSE;
  }

  private openString<H extends JsonHandler>(handler: H, at: usize, end: usize): usize {
    if ((this.expects & (KEY | VALUE)) === 0 || this.depth === 0) {
      this.fail(FAILED_SYNTAX);
      return at;
    }
    this.inKey = (this.expects & KEY) !== 0;
    if (this.inKey) {
      this.keyStart = this.offset(at);
      this.sink = handler.wantsKeys() ? SINK_HASH : SINK_SKIP;
    } else {
      this.sink = handler.beginString(this.offset(at));
    }
    this.hash.begin();
    this.mode = IN_STRING;
    at++;
    return at < end ? this.readString<H>(handler, at, end) : at;
  }

  private readString<H extends JsonHandler>(handler: H, at: usize, end: usize): usize {
    if (this.unescaper.awaitsPair() && load<u8>(at) !== BACKSLASH) this.flushLone<H>(handler);
    const isOffered = this.sink === SINK_PIECES;
    const window = windowEnd(at, end, isOffered);
    const stop = findSpecial(at, window);
    if (stop !== at) this.piece<H>(handler, at, (stop - at) as u32);
    if (stop === window) return isOffered ? handler.plain(stop, end) : stop;
    const byte = load<u8>(stop);
    if (byte === QUOTE) {
      this.endString<H>(handler, stop + 1);
      return stop + 1;
    }
    if (byte === BACKSLASH) return this.readEscaped<H>(handler, stop, end);
    this.fail(FAILED_SYNTAX);
    return stop;
  }

  private piece<H extends JsonHandler>(handler: H, source: usize, bytes: u32): void {
    if (this.sink === SINK_HASH) this.hash.add(source, bytes);
    else if (this.sink === SINK_PIECES) handler.piece(source, bytes);
  }

  private endString<H extends JsonHandler>(handler: H, end: usize): void {
    this.mode = IN_STRUCTURE;
    if (this.inKey) {
      this.keyHash = this.sink === SINK_HASH ? this.hash.end() : 0;
      this.keyBytes = this.hash.bytes;
      this.expects = COLON;
      handler.key();
    } else {
      this.endValue();
      handler.endString(this.offset(end));
    }
  }

  /** Text with escapes close together is unescaped into one buffer and handed over from there. */
  private readEscaped<H extends JsonHandler>(handler: H, at: usize, end: usize): usize {
    const unescaper = this.unescaper;
    at = unescaper.read(at, end);
    if (unescaper.bytes() !== 0) this.piece<H>(handler, unescaper.text(), unescaper.bytes());
    if (at < end && load<u8>(at) === BACKSLASH && !unescaper.isFull()) {
      this.mode = IN_ESCAPE;
      at++;
    }
    return at;
  }

  private flushLone<H extends JsonHandler>(handler: H): void {
    this.unescaper.writeLone();
    this.piece<H>(handler, this.unescaper.text(), this.unescaper.bytes());
  }

  /** One byte of an escape that the end of a chunk has cut, or of a byte order mark. */
  private readEscapeByte<H extends JsonHandler>(handler: H, at: usize): usize {
    const byte = load<u8>(at);
    if (this.mode === IN_BYTE_ORDER_MARK) {
      this.readByteOrderMark(byte);
      return at + 1;
    }
    const unescaper = this.unescaper;
    if (this.mode === IN_ESCAPE) {
      if (unescaper.readPlain(at)) this.mode = IN_STRING;
      else if (unescaper.beginsUnit(byte)) this.mode = IN_UNICODE;
      else this.fail(FAILED_SYNTAX);
    } else if (unescaper.readDigit(byte)) {
      if (unescaper.hasUnit()) this.mode = IN_STRING;
    } else {
      this.fail(FAILED_SYNTAX);
    }
    if (this.mode === IN_STRING && unescaper.bytes() !== 0) {
      this.piece<H>(handler, unescaper.text(), unescaper.bytes());
    }
    return at + 1;
  }

  private openScalar<H extends JsonHandler>(handler: H, at: usize, end: usize): usize {
    const byte = load<u8>(at);
    if ((this.expects & VALUE) === 0 || this.depth === 0) {
      this.refuseByte(byte, at);
      return at;
    }
    if (this.number.begin(byte)) {
      this.mode = IN_NUMBER;
      this.sink = handler.beginNumber(this.offset(at));
      this.hash.begin();
      return this.readNumber<H>(handler, at, at + 1, end);
    }
    const kind = literalFrom(byte);
    if (kind === NO_LITERAL) this.refuseByte(byte, at);
    else this.openLiteral(kind);
    return at;
  }

  private refuseByte(byte: u8, at: usize): void {
    const offset = this.offset(at);
    if (offset === 0 && byte === byteOrderMark(0)) {
      this.mode = IN_BYTE_ORDER_MARK;
      this.seen = 0;
    } else if (mayBeWide(byte, offset)) {
      this.mode = IN_HEAD;
    } else {
      this.fail(FAILED_SYNTAX);
    }
  }

  private readHead(at: usize, end: usize): usize {
    if (this.offset(end) < HEAD_BYTES) return end;
    this.fail(isWideObject(this.head) ? FAILED_ENCODING : FAILED_SYNTAX);
    return at;
  }

  private readByteOrderMark(byte: u8): void {
    if (byte !== byteOrderMark(this.seen)) this.fail(FAILED_SYNTAX);
    else if (++this.seen === BYTE_ORDER_MARK_BYTES) this.mode = IN_STRUCTURE;
  }

  /** Reads on from `at`. The part of the number that is in this chunk begins at `start`. */
  private readNumber<H extends JsonHandler>(
    handler: H,
    start: usize,
    at: usize,
    end: usize,
  ): usize {
    at = this.number.read(at, end);
    if (this.sink === SINK_HASH) this.hash.add(start, (at - start) as u32);
    if (at < end) this.closeNumber<H>(handler, at);
    return at;
  }

  private closeNumber<H extends JsonHandler>(handler: H, end: usize): void {
    if (this.number.isWhole()) {
      this.mode = IN_STRUCTURE;
      this.endValue();
      handler.endNumber(this.offset(end));
    } else if (this.number.isSign() && literalFrom(load<u8>(end)) === LITERAL_INFINITY) {
      this.openLiteral(LITERAL_MINUS_INFINITY);
    } else {
      this.fail(FAILED_SYNTAX);
    }
  }

  private openLiteral(kind: u32): void {
    this.mode = IN_LITERAL;
    this.literal = kind;
    this.seen = 0;
  }

  private readLiteral<H extends JsonHandler>(handler: H, at: usize, end: usize): usize {
    const word = literalWord(this.literal);
    const bytes: u32 = word.length;
    let seen = this.seen;
    while (at < end && seen < bytes) {
      if (load<u8>(at) !== (word.charCodeAt(seen) as u8)) {
        this.fail(FAILED_SYNTAX);
        return at;
      }
      seen++;
      at++;
    }
    this.seen = seen;
    if (seen === bytes) {
      this.mode = IN_STRUCTURE;
      this.endValue();
      handler.literal(this.literal);
    }
    return at;
  }
}
