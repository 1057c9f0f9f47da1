// What a prefill endpoint answers: the transfer parameters, which are handed to decode to the letter,
// and how much of the prompt it found cached.
import { TRANSFER_BYTES_MAX } from "../../protocol/limits.ts";
import { bufferAt, CALLOUT_RESPONSE_BODY, readBuffer, SLICE_BYTES } from "../host/buffers.ts";
import { JsonHandler, SINK_HASH, SINK_SKIP } from "../json/handler.ts";
import { hashOf } from "../json/text-hash.ts";
import { FAILED_NOT, Tokenizer } from "../json/tokenizer.ts";

const PARAMETERS: u64 = hashOf("kv_transfer_params");
/** The same of an encoder. */
export const ENCODINGS: u64 = hashOf("ec_transfer_params");
const USAGE: u64 = hashOf("usage");
const DETAILS: u64 = hashOf("prompt_tokens_details");
const CACHED: u64 = hashOf("cached_tokens");
const CHOICES: u64 = hashOf("choices");
const FINISH_REASON: u64 = hashOf("finish_reason");
const CACHE_THRESHOLD: u64 = hashOf("cache_threshold");

class AnswerReader extends JsonHandler {
  readonly tokens: Tokenizer = new Tokenizer();
  /** Offsets in the answer: of the member's name, and behind its value. */
  memberStart: u32 = 0;
  memberEnd: u32 = 0;
  cachedTokens: u32 = 0;
  isBelowThreshold: bool = false;
  parametersName: u64 = PARAMETERS;
  private isParameters: bool = false;
  private hasValue: bool = false;
  private isUsage: bool = false;
  private isDetails: bool = false;
  private isCached: bool = false;
  private isChoices: bool = false;
  private isFinishReason: bool = false;

  begin(): void {
    this.tokens.begin();
    this.memberStart = 0;
    this.memberEnd = 0;
    this.cachedTokens = 0;
    this.isBelowThreshold = false;
    this.isChoices = false;
    this.isFinishReason = false;
    this.isParameters = false;
    this.isUsage = false;
    this.isDetails = false;
    this.isCached = false;
  }

  wantsKeys(): bool {
    const depth = this.tokens.depth;
    if (depth === 1) return true;
    if (this.isChoices) return depth === 3;
    return this.isUsage && (depth === 2 || (depth === 3 && this.isDetails));
  }

  key(): void {
    const hash = this.tokens.keyHash;
    const depth = this.tokens.depth;
    this.isCached = false;
    this.isFinishReason = false;
    if (depth === 1) {
      this.isChoices = hash === CHOICES;
      this.isParameters = hash === this.parametersName;
      this.isUsage = hash === USAGE;
      this.isDetails = false;
      this.hasValue = false;
      if (this.isParameters) this.memberStart = this.tokens.keyStart;
    } else if (this.isUsage && depth === 2) {
      this.isDetails = hash === DETAILS;
    } else if (this.isUsage && this.isDetails && depth === 3) {
      this.isCached = hash === CACHED;
    } else if (this.isChoices && depth === 3) {
      this.isFinishReason = hash === FINISH_REASON;
    }
  }

  beginObject(): void {
    if (this.isParameters && this.tokens.depth === 2) this.hasValue = true;
  }

  beginArray(): void {
    this.isCached = false;
  }

  comma(offset: u32): void {
    if (this.tokens.depth === 1) this.endMember(offset);
  }

  endContainer(offset: u32): void {
    if (this.tokens.depth === 1) this.endMember(offset);
  }

  /** Parameters that are no object, null above all, are none. */
  private endMember(offset: u32): void {
    if (!this.isParameters) return;
    this.isParameters = false;
    this.memberEnd = this.hasValue ? offset : 0;
  }

  endNumber(_offset: u32): void {
    if (!this.isCached) return;
    this.isCached = false;
    if (this.tokens.number.isInteger() && !this.tokens.number.isNegative) {
      this.cachedTokens = this.tokens.number.integer;
    }
  }

  literal(_kind: u32): void {}

  beginString(_offset: u32): u32 {
    return this.isFinishReason ? SINK_HASH : SINK_SKIP;
  }

  beginNumber(_offset: u32): u32 {
    return SINK_SKIP;
  }

  piece(_source: usize, _bytes: u32): void {}

  endString(_offset: u32): void {
    if (!this.isFinishReason) return;
    this.isFinishReason = false;
    if (this.tokens.hash.end() === CACHE_THRESHOLD) this.isBelowThreshold = true;
  }
}

const reader = new AnswerReader();
let member: usize = 0;

/**
 * The member `"kv_transfer_params": {…}` of the answer read last, as it is spelled there; no bytes where
 * there is none. Before and behind it there is room for a byte.
 */
export let memberAt: usize = 0;
export let memberBytes: u32 = 0;
export let cachedTokens: u32 = 0;
/** It is an answer of decode's that says enough of the prompt to have been cached. */
export let isAboveThreshold: bool = false;
/** It was whole, and JSON. */
export let isAnswerRead: bool = false;

/**
 * Reads the answer of the callout that is being told; false where it has no parameters of this name to
 * hand on.
 */
export function readLegAnswer(bytes: u32, name: u64 = PARAMETERS): bool {
  forgetLegAnswer();
  reader.begin();
  reader.parametersName = name;
  for (let start: u32 = 0; start < bytes; ) {
    const read = readBuffer(CALLOUT_RESPONSE_BODY, start, min(SLICE_BYTES, bytes - start));
    if (read === 0) return false;
    reader.tokens.read<AnswerReader>(reader, bufferAt(), read);
    start += read;
  }
  isAnswerRead = reader.tokens.failure === FAILED_NOT && reader.tokens.hasEnded();
  if (!isAnswerRead) return false;
  cachedTokens = reader.cachedTokens;
  isAboveThreshold = !reader.isBelowThreshold;
  return reader.memberEnd > 0 && copyMember(reader.memberStart, reader.memberEnd);
}

/** No answer has been read. */
export function forgetLegAnswer(): void {
  memberBytes = 0;
  cachedTokens = 0;
  isAboveThreshold = false;
  isAnswerRead = false;
}

function copyMember(start: u32, end: u32): bool {
  if (end - start > TRANSFER_BYTES_MAX) return false;
  if (member === 0) member = heap.alloc(1 + TRANSFER_BYTES_MAX + 1);
  memberAt = member + 1;
  for (let at = start; at < end; ) {
    const read = readBuffer(CALLOUT_RESPONSE_BODY, at, min(SLICE_BYTES, end - at));
    if (read === 0) return false;
    memory.copy(memberAt + (at - start), bufferAt(), read);
    at += read;
  }
  memberBytes = end - start;
  return true;
}
