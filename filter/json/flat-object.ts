// Reads one flat JSON object of strings, numbers and words, as a configuration is. It is read once
// per machine; its text is kept in memory of its own.
import { BASE64_INVALID, decodeBase64 } from "./base64.ts";
import {
  JsonHandler,
  LITERAL_FALSE,
  LITERAL_NULL,
  LITERAL_TRUE,
  SINK_PIECES,
  SINK_SKIP,
} from "./handler.ts";
import { hashOf } from "./text-hash.ts";
import { FAILED_NOT, FAILED_SYNTAX, Tokenizer } from "./tokenizer.ts";

/** Members that one configuration may have. */
const MEMBERS_MAX: u32 = 64;

const KIND_ABSENT: u32 = 0;
const KIND_TEXT: u32 = 1;
const KIND_NUMBER: u32 = 2;
const KIND_TRUE: u32 = 3;
const KIND_FALSE: u32 = 4;

// One member:
//   0 hash of its name (8)   8 kind (4)   12 address of its text, or number (4)   16 bytes (4)
const MEMBER_BYTES: u32 = 24;

export class FlatObject extends JsonHandler {
  private readonly tokens: Tokenizer = new Tokenizer();
  private readonly members: usize = heap.alloc(MEMBERS_MAX * MEMBER_BYTES);
  private count: u32 = 0;
  private texts: usize = 0;
  private textBytesMax: u32 = 0;
  private end: usize = 0;

  /**
   * Answers whether the text is one JSON object without objects or arrays in it, of at most 64
   * members. Of a name that comes twice the last member counts.
   */
  read(source: usize, bytes: u32): bool {
    if (bytes > this.textBytesMax) {
      this.texts = heap.alloc(bytes);
      this.textBytesMax = bytes;
    }
    this.end = this.texts;
    this.count = 0;
    this.tokens.begin();
    this.tokens.read<FlatObject>(this, source, bytes);
    if (this.tokens.failure === FAILED_NOT && this.tokens.hasEnded()) return true;
    this.count = 0;
    return false;
  }

  private find(name: string): usize {
    const hash = hashOf(name);
    for (let index = this.count; index !== 0; index--) {
      const member = this.members + (index - 1) * MEMBER_BYTES;
      if (load<u64>(member) === hash) return member;
    }
    return 0;
  }

  private kind(member: usize): u32 {
    return member === 0 ? KIND_ABSENT : load<u32>(member, 8);
  }

  /** Whether there is a member of this name that is not null. */
  has(name: string): bool {
    return this.kind(this.find(name)) !== KIND_ABSENT;
  }

  /** Address of a string member's unescaped text; 0 if there is no such string. */
  text(name: string): usize {
    const member = this.find(name);
    return this.kind(member) === KIND_TEXT ? (load<u32>(member, 12) as usize) : 0;
  }

  /** Bytes of that text; 0 if there is no such string. */
  textBytes(name: string): u32 {
    const member = this.find(name);
    return this.kind(member) === KIND_TEXT ? load<u32>(member, 16) : 0;
  }

  /** Whether a member is a string of exactly this ASCII text. */
  isText(name: string, text: string): bool {
    const start = this.text(name);
    if (start === 0 || this.textBytes(name) !== (text.length as u32)) return false;
    for (let at = 0; at < text.length; at++) {
      if (load<u8>(start + at) !== (text.charCodeAt(at) as u8)) return false;
    }
    return true;
  }

  /** Whether a member is `true`. */
  isTrue(name: string): bool {
    return this.kind(this.find(name)) === KIND_TRUE;
  }

  /** A number member, if it is a whole number below 2³²; else `otherwise`. */
  number(name: string, otherwise: u32): u32 {
    const member = this.find(name);
    return this.kind(member) === KIND_NUMBER ? load<u32>(member, 12) : otherwise;
  }

  /**
   * Decodes a string member from base64, where it stands: `text` then points at the bytes, and
   * `textBytes` counts them. Answers false if it is absent or not base64; it is absent then.
   */
  decode(name: string): bool {
    const member = this.find(name);
    if (this.kind(member) !== KIND_TEXT) return false;
    const start: usize = load<u32>(member, 12);
    const bytes = decodeBase64(start, load<u32>(member, 16), start);
    if (bytes === BASE64_INVALID) {
      store<u32>(member, KIND_ABSENT, 8);
      return false;
    }
    store<u32>(member, bytes, 16);
    return true;
  }

  // ---- what the tokenizer tells ----------------------------------------------------------------

  private last(): usize {
    return this.members + (this.count - 1) * MEMBER_BYTES;
  }

  private set(kind: u32, value: u32): void {
    store<u32>(this.last(), kind, 8);
    store<u32>(this.last(), value, 12);
  }

  wantsKeys(): bool {
    return true;
  }

  key(): void {
    if (this.count === MEMBERS_MAX) {
      this.tokens.fail(FAILED_SYNTAX);
      return;
    }
    this.count++;
    store<u64>(this.last(), this.tokens.keyHash);
    this.set(KIND_ABSENT, 0);
  }

  beginString(_offset: u32): u32 {
    this.set(KIND_TEXT, this.end as u32);
    return SINK_PIECES;
  }

  piece(source: usize, bytes: u32): void {
    memory.copy(this.end, source, bytes);
    this.end += bytes;
  }

  endString(_offset: u32): void {
    store<u32>(this.last(), (this.end as u32) - load<u32>(this.last(), 12), 16);
  }

  beginNumber(_offset: u32): u32 {
    return SINK_SKIP;
  }

  endNumber(_offset: u32): void {
    const isCount = this.tokens.number.isInteger() && !this.tokens.number.isNegative;
    this.set(isCount ? KIND_NUMBER : KIND_ABSENT, this.tokens.number.integer);
  }

  literal(kind: u32): void {
    if (kind === LITERAL_TRUE) this.set(KIND_TRUE, 0);
    else if (kind === LITERAL_FALSE) this.set(KIND_FALSE, 0);
    else if (kind !== LITERAL_NULL) this.tokens.fail(FAILED_SYNTAX);
  }

  beginObject(): void {
    if (this.tokens.depth !== 1) this.tokens.fail(FAILED_SYNTAX);
  }

  beginArray(): void {
    this.tokens.fail(FAILED_SYNTAX);
  }

  endContainer(_offset: u32): void {}

  comma(_offset: u32): void {}
}
