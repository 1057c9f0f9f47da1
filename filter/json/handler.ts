// What a reader of JSON is told, in the order of the text. The tokenizer is compiled once for each
// reader, so none of these calls is virtual.

/** What is to happen with the bytes of a string or number. */
export const SINK_SKIP: u32 = 0;
/** Hash them: `Tokenizer.hash` holds the hash when the value has ended. */
export const SINK_HASH: u32 = 1;
/** Hand over the unescaped bytes of a string by `piece`. */
export const SINK_PIECES: u32 = 2;

export const LITERAL_TRUE: u32 = 0;
export const LITERAL_FALSE: u32 = 1;
export const LITERAL_NULL: u32 = 2;
/** Python reads and writes these three; a reader stricter than the model server could be evaded. */
export const LITERAL_NAN: u32 = 3;
export const LITERAL_INFINITY: u32 = 4;
export const LITERAL_MINUS_INFINITY: u32 = 5;

export abstract class JsonHandler {
  /** Whether the names of members of the innermost object are to be hashed. */
  abstract wantsKeys(): bool;
  /** A member's name has ended: `Tokenizer.keyHash`, `keyBytes` and `keyStart` tell of it. */
  abstract key(): void;
  /** A string value begins; `offset` of its first quote. Answers a sink. */
  abstract beginString(offset: u32): u32;
  /** The next bytes of a string value, unescaped; valid during the call. */
  abstract piece(source: usize, bytes: u32): void;
  /**
   * Takes of a long string whatever plain bytes of it stand at `source`, as `piece` does, or some of
   * them, or none. Answers where it stopped.
   */
  plain(source: usize, _end: usize): usize {
    return source;
  }
  /** A string value has ended; `offset` behind its last quote. */
  abstract endString(offset: u32): void;
  /** A number begins. Answers SINK_SKIP or SINK_HASH (over the number as it is spelled). */
  abstract beginNumber(offset: u32): u32;
  /** A number has ended before `offset`: `Tokenizer.number` tells of it. */
  abstract endNumber(offset: u32): void;
  /** A word; minus infinity has first begun as a number. */
  abstract literal(kind: u32): void;
  abstract beginObject(): void;
  abstract beginArray(): void;
  /** The innermost object or array ends; `offset` of its bracket. */
  abstract endContainer(offset: u32): void;
  /** A comma in the innermost object or array. */
  abstract comma(offset: u32): void;
}
