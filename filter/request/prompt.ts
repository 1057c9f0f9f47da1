// A request body as a prompt: read in chunks as they arrive, it becomes keys over the meaning of the
// prompt, what the request says beside it, and the byte ranges to be blanked. Two spellings of one
// prompt (white space, order of members, escapes, cuts between chunks) give the same keys.
import { combine } from "../json/text-hash.ts";
import { FAILED_DEPTH, FAILED_ENCODING, FAILED_NOT } from "../json/tokenizer.ts";
import { API_NONE } from "./prompt-api.ts";
import { FAILED_NOT_AN_OBJECT, FAILED_STRIPS, PromptReader } from "./prompt-reader.ts";

export { API_NONE };

const READABLE: u32 = FAILED_NOT;
/** The body ended within the JSON. */
const UNREADABLE_UNFINISHED: u32 = 6;

export class Prompt {
  readable: bool = true;
  /**
   * 0 readable, 1 not JSON, 2 nested more than 64 deep, 3 UTF-16 or UTF-32, 4 not an object,
   * 5 more members to be stripped than can be, 6 ended within the JSON.
   */
  reason: u32 = READABLE;
  /**
   * Not readable here, but a model server may read it (reasons 2, 3 and 5): it could hide what has
   * to be stripped, and is to be refused.
   */
  mayHideMembers: bool = false;
  /** The walk's limit was passed, or the most keys: the keys end before the prompt does. */
  truncated: bool = false;
  hasModel: bool = false;
  /** The protocol's hashBytes of the model's name. */
  modelLow: u32 = 0;
  modelHigh: u32 = 0;
  stream: bool = false;
  /** A streamed answer is to tell its token counts. */
  asksUsage: bool = false;
  /** Zero if the request does not say. */
  maxTokens: u32 = 0;
  /** Bytes of the whole prompt, also beyond the walk's limit. */
  promptBytes: u32 = 0;
  /** Keys, eight bytes each: low half, high half. Valid until `begin` or `release`. */
  keyCount: u32 = 0;
  keys: usize = 0;
  /** Ranges to be blanked, also of a body that is not readable. */
  stripCount: u32 = 0;

  private readonly reader: PromptReader = new PromptReader();
  private bytesLeft: u32 = 0;

  /** `blockBytes` is a multiple of 64. */
  begin(api: u32, blockBytes: u32, walkBytesMax: u32): void {
    this.reader.begin(api, blockBytes);
    this.bytesLeft = walkBytesMax;
    this.readable = true;
    this.reason = READABLE;
    this.mayHideMembers = false;
    this.truncated = false;
    this.hasModel = false;
    this.modelLow = 0;
    this.modelHigh = 0;
    this.stream = false;
    this.asksUsage = false;
    this.maxTokens = 0;
    this.promptBytes = 0;
    this.keyCount = 0;
    this.stripCount = 0;
  }

  /**
   * Reads the next bytes of the body. Beyond the walk's limit no keys are made, but the body is
   * read on: the model may still come, and what has to be stripped.
   */
  walk(source: usize, bytes: u32): void {
    const reader = this.reader;
    if (!this.truncated && bytes > this.bytesLeft) {
      const some = this.bytesLeft;
      reader.tokens.read<PromptReader>(reader, source, some);
      source += some;
      bytes -= some;
      this.truncated = true;
      reader.segments.text.isHashing = false;
    }
    this.bytesLeft -= this.truncated ? this.bytesLeft : bytes;
    reader.tokens.read<PromptReader>(reader, source, bytes);
    if (reader.tokens.failure !== FAILED_NOT) this.refuse(reader.tokens.failure);
  }

  private refuse(reason: u32): void {
    this.readable = false;
    this.reason = reason;
    this.mayHideMembers =
      reason === FAILED_DEPTH || reason === FAILED_ENCODING || reason === FAILED_STRIPS;
  }

  /**
   * After the last bytes, or once it is known to be unreadable: everything but the keys is final. What
   * is to be blanked in an unreadable body is so as far as it was read.
   */
  finish(): void {
    const reader = this.reader;
    const settings = reader.settings;
    if (this.readable && !reader.tokens.hasEnded()) this.refuse(UNREADABLE_UNFINISHED);
    if (this.readable && !reader.isObject) this.refuse(FAILED_NOT_AN_OBJECT);
    this.hasModel = settings.hasModel;
    this.modelLow = settings.model as u32;
    this.modelHigh = (settings.model >>> 32) as u32;
    this.stream = settings.stream;
    this.asksUsage = settings.asksUsage;
    this.maxTokens = settings.maxTokens;
    this.stripCount = reader.strips.count;
    reader.end();
  }

  /** Makes the keys, once, for the model of this name's hash. An unreadable body has none. */
  makeKeys(model: u64): void {
    if (!this.readable) return;
    const reader = this.reader;
    const segments = reader.segments;
    segments.finish(combine(model, reader.settings.salt), reader.tools);
    if (segments.keys.isFull) this.truncated = true;
    this.promptBytes = segments.bytes();
    this.keyCount = segments.count();
    this.keys = segments.start();
  }

  /** The hash of the model's name; zero if there is none. */
  get model(): u64 {
    return this.reader.settings.model;
  }

  /** Offset in the body of the model's name, its quote included. */
  get modelStart(): u32 {
    return this.reader.settings.modelStart;
  }

  /** Offset behind the model's name, its last quote included. */
  get modelEnd(): u32 {
    return this.reader.settings.modelEnd;
  }

  /** Offset in the body of its last brace, where members may be inserted. */
  get bodyEnd(): u32 {
    return this.reader.bodyEnd;
  }

  /** Whether a member stands before the last brace: a comma comes before one that is inserted. */
  get hasMembers(): bool {
    return this.reader.hasMembers;
  }

  /** Whether a part of a message names a medium: which, and where, is for who needs it to read. */
  get hasMedia(): bool {
    return this.reader.hasMedia;
  }

  /** Whether the body has a `cache_hit_threshold`, whatever it says. */
  get namesThreshold(): bool {
    return this.reader.settings.namesThreshold;
  }

  /** Gives the storage of a long prompt's keys back. */
  release(): void {
    this.reader.end();
    this.reader.segments.keys.begin();
    this.keyCount = 0;
  }

  /** Prompt bytes covered by the first `keys` keys. */
  coveredBytes(keys: u32): u32 {
    return this.reader.segments.coveredBytes(keys);
  }

  /** Offset in the body of the first byte of a range to be blanked. */
  stripStart(index: u32): u32 {
    return this.reader.strips.rangeStart(index);
  }

  /** Offset of the byte behind it. */
  stripEnd(index: u32): u32 {
    return this.reader.strips.rangeEnd(index);
  }
}
