// Reads one JSON text of a response for the token counts it tells, and tells where the values stand
// that are to be replaced (response-edits.ts). Only members at their known places count; everything else
// is passed over without looking at its names.
//
//   OpenAI       usage: prompt_tokens, completion_tokens, prompt_tokens_details.cached_tokens
//   Responses    usage or response.usage: input_tokens, output_tokens, input_tokens_details.…
//   Anthropic    usage or message.usage: input_tokens, cache_read_input_tokens,
//                cache_creation_input_tokens, output_tokens
//   SGLang       meta_info: prompt_tokens, completion_tokens, cached_tokens
//   all          model, response.model or message.model
import { NO_COUNT } from "../../protocol/records.ts";
import { JsonHandler, SINK_HASH, SINK_SKIP } from "../json/handler.ts";
import { hashOf } from "../json/text-hash.ts";
import { DEPTH_MAX, FAILED_NOT, FAILED_SYNTAX, Tokenizer } from "../json/tokenizer.ts";
import { EDIT_CACHED_TOKENS, EDIT_MODEL, ResponseEdits } from "./response-edits.ts";

// The members that matter; also what the place after such a name is.
const NOTHING: u8 = 0;
const BODY: u8 = 1;
/** `response` and `message`: a body within an event. */
const INNER: u8 = 2;
const USAGE: u8 = 3;
const DETAILS: u8 = 4;
const TYPE: u8 = 5;
const PROMPT: u8 = 6;
const COMPLETION: u8 = 7;
const CACHED: u8 = 8;
/** Anthropic's prompt count leaves these two out. */
const CACHE_READ: u8 = 9;
const CACHE_CREATION: u8 = 10;
const MODEL: u8 = 11;

const MINUS: u8 = 0x2d;

const NAME_USAGE: u64 = hashOf("usage");
const NAME_META_INFO: u64 = hashOf("meta_info");
const NAME_RESPONSE: u64 = hashOf("response");
const NAME_MESSAGE: u64 = hashOf("message");
const NAME_MODEL: u64 = hashOf("model");
const NAME_TYPE: u64 = hashOf("type");
const NAME_PROMPT: u64 = hashOf("prompt_tokens");
const NAME_INPUT: u64 = hashOf("input_tokens");
const NAME_COMPLETION: u64 = hashOf("completion_tokens");
const NAME_OUTPUT: u64 = hashOf("output_tokens");
const NAME_PROMPT_DETAILS: u64 = hashOf("prompt_tokens_details");
const NAME_INPUT_DETAILS: u64 = hashOf("input_tokens_details");
const NAME_CACHED: u64 = hashOf("cached_tokens");
const NAME_CACHE_READ: u64 = hashOf("cache_read_input_tokens");
const NAME_CACHE_CREATION: u64 = hashOf("cache_creation_input_tokens");

const TYPE_COMPLETED: u64 = hashOf("response.completed");
const TYPE_INCOMPLETE: u64 = hashOf("response.incomplete");
const TYPE_FAILED: u64 = hashOf("response.failed");
const TYPE_STOP: u64 = hashOf("message_stop");

function bodyMember(name: u64): u8 {
  if (name === NAME_USAGE || name === NAME_META_INFO) return USAGE;
  if (name === NAME_TYPE) return TYPE;
  if (name === NAME_MODEL) return MODEL;
  return name === NAME_RESPONSE || name === NAME_MESSAGE ? INNER : NOTHING;
}

function usageMember(name: u64): u8 {
  if (name === NAME_PROMPT || name === NAME_INPUT) return PROMPT;
  if (name === NAME_COMPLETION || name === NAME_OUTPUT) return COMPLETION;
  if (name === NAME_PROMPT_DETAILS || name === NAME_INPUT_DETAILS) return DETAILS;
  if (name === NAME_CACHED) return CACHED;
  if (name === NAME_CACHE_READ) return CACHE_READ;
  return name === NAME_CACHE_CREATION ? CACHE_CREATION : NOTHING;
}

function isLastType(type: u64): bool {
  return (
    type === TYPE_COMPLETED ||
    type === TYPE_INCOMPLETE ||
    type === TYPE_FAILED ||
    type === TYPE_STOP
  );
}

/** `response` and `message` have these of a body's members. */
function innerMember(name: u64): u8 {
  const member = bodyMember(name);
  return member === USAGE || member === MODEL ? member : NOTHING;
}

export class UsageReader extends JsonHandler {
  readonly tokens: Tokenizer = new Tokenizer();
  promptCount: u32 = NO_COUNT;
  completionCount: u32 = NO_COUNT;
  cachedCount: u32 = NO_COUNT;
  cacheReadCount: u32 = NO_COUNT;
  cacheCreationCount: u32 = NO_COUNT;
  /** An event has said that it is the last. */
  sawLast: bool = false;
  /** What is told where values stand; none of most responses. */
  edits: ResponseEdits | null = null;

  /** What each open container is: NOTHING, BODY, INNER, USAGE or DETAILS. */
  private readonly places: usize = heap.alloc(DEPTH_MAX + 1);
  private member: u8 = 0;
  /** Where the text's offset 0 would stand, were all of it in memory. */
  private base: usize = 0;

  begin(): void {
    this.promptCount = NO_COUNT;
    this.completionCount = NO_COUNT;
    this.cachedCount = NO_COUNT;
    this.cacheReadCount = NO_COUNT;
    this.cacheCreationCount = NO_COUNT;
    this.sawLast = false;
    this.beginText();
  }

  /** Begins another JSON text of the same response. */
  beginText(): void {
    this.tokens.begin();
    this.member = BODY;
    store<u8>(this.places, NOTHING);
  }

  /** Reads the next bytes of the text. */
  read(source: usize, bytes: u32): void {
    this.base = source - this.tokens.before;
    const stop = this.tokens.read<UsageReader>(this, source, bytes);
    const edits = this.edits;
    if (edits === null || this.tokens.failure === FAILED_NOT) return;
    edits.resume(stop);
    // Nested too deep, or UTF-16. What is no JSON at all, as the end of a stream, has nothing to edit.
    if (this.tokens.failure !== FAILED_SYNTAX) edits.hasMissed = true;
  }

  private place(): u8 {
    return load<u8>(this.places + this.tokens.depth);
  }

  wantsKeys(): bool {
    return this.place() !== NOTHING;
  }

  key(): void {
    const place = this.place();
    const name = this.tokens.keyHash;
    if (place === BODY) this.member = bodyMember(name);
    else if (place === INNER) this.member = innerMember(name);
    else if (place === USAGE) this.member = usageMember(name);
    else if (place === DETAILS) this.member = name === NAME_CACHED ? CACHED : NOTHING;
    else this.member = NOTHING;
  }

  private leaveOut(edit: i32, offset: u32): void {
    const edits = this.edits;
    if (edits !== null) edits.leaveOut(edit, this.base + offset);
  }

  private resume(offset: u32): void {
    const edits = this.edits;
    if (edits !== null) edits.resume(this.base + offset);
  }

  beginString(offset: u32): u32 {
    if (this.member === MODEL) this.leaveOut(EDIT_MODEL, offset);
    return this.member === TYPE ? SINK_HASH : SINK_SKIP;
  }

  endString(offset: u32): void {
    if (this.member === MODEL) this.resume(offset);
    if (this.member === TYPE && isLastType(this.tokens.hash.end())) this.sawLast = true;
  }

  beginNumber(offset: u32): u32 {
    // Anthropic's count of those read from cache stays, as the one of prompt tokens leaves them out.
    // What begins with a minus is no count, and may turn out to be no number.
    const isCount = this.member === CACHED && load<u8>(this.base + offset) !== MINUS;
    if (isCount) this.leaveOut(EDIT_CACHED_TOKENS, offset);
    return SINK_SKIP;
  }

  endNumber(offset: u32): void {
    this.resume(offset);
    const count = this.tokens.number.integer;
    if (!this.tokens.number.isInteger() || this.tokens.number.isNegative) return;
    switch (this.member) {
      case PROMPT:
        this.promptCount = count;
        break;
      case COMPLETION:
        this.completionCount = count;
        break;
      case CACHED:
        this.cachedCount = count;
        break;
      case CACHE_READ:
        this.cacheReadCount = count;
        break;
      case CACHE_CREATION:
        this.cacheCreationCount = count;
        break;
    }
  }

  /** The tokenizer has counted the container already. */
  beginObject(): void {
    const isPlace = this.member >= BODY && this.member <= DETAILS;
    store<u8>(this.places + this.tokens.depth, isPlace ? this.member : NOTHING);
    this.member = NOTHING;
  }

  beginArray(): void {
    store<u8>(this.places + this.tokens.depth, NOTHING);
    this.member = NOTHING;
  }

  endContainer(_offset: u32): void {
    this.member = NOTHING;
  }

  piece(_source: usize, _bytes: u32): void {}

  literal(_kind: u32): void {}

  comma(_offset: u32): void {
    this.member = NOTHING;
  }
}
