// The body of a request to a prefill endpoint: the client's, with what only limits or streams the
// answer taken out, and at its end the members that make it a prefill.
//
//   { "messages": […], "stream": true, "max_tokens": 500 }
//   { "messages": […]                                    ,"stream":false,"max_tokens":1,… }
import { LEG_BODY_BYTES_MAX } from "../../protocol/limits.ts";
import { bufferAt, REQUEST_BODY, readBuffer, SLICE_BYTES } from "../host/buffers.ts";
import { Text } from "../host/memory.ts";
import { JsonHandler, SINK_SKIP } from "../json/handler.ts";
import { hashOf } from "../json/text-hash.ts";
import { FAILED_NOT, Tokenizer } from "../json/tokenizer.ts";
import { TextBuffer } from "../text-buffer.ts";
import { BodyEdits } from "./body-edits.ts";
import { API_RESPONSES, API_VLLM_GENERATE } from "./prompt-api.ts";
import { Strips } from "./prompt-strips.ts";

/** More members to be taken out than the strips hold. */
const FAILED_STRIPS: u32 = 5;
const COMMA: u8 = 44;
const OPENING_BRACE: u8 = 123;

/** Members of the body that are taken out: they stream the answer. */
const STREAM_MEMBERS: StaticArray<u64> = [hashOf("stream"), hashOf("stream_options")];
/** And these, where a limit is set: they say how long the answer is, or how many there are. */
const LIMIT_MEMBERS: StaticArray<u64> = [
  hashOf("max_tokens"),
  hashOf("max_completion_tokens"),
  hashOf("max_output_tokens"),
  hashOf("min_tokens"),
  hashOf("min_completion_tokens"),
  hashOf("n"),
  hashOf("best_of"),
];
/** How much of its prompt must be cached, from 0 to 1. */
const THRESHOLD: u64 = hashOf("cache_hit_threshold");
const PROMPT: u64 = hashOf("prompt");
const ANSWERS: u64 = hashOf("n");
const CANDIDATES: u64 = hashOf("best_of");
const SAMPLING_PARAMS: u64 = hashOf("sampling_params");
const SAMPLING_MEMBERS: StaticArray<u64> = [
  hashOf("max_tokens"),
  hashOf("min_tokens"),
  hashOf("n"),
  hashOf("best_of"),
];

const NOT_STREAMED = new Text('"stream":false');
// As the sidecar of llm-d-router sets them (pkg/common/request, CapSingleToken).
const LIMITS = new Text('"max_tokens":1,"max_completion_tokens":1,"min_tokens":1');
const LIMITS_OF_RESPONSES = new Text('"max_output_tokens":1');
const LIMITS_OF_SAMPLING = new Text('"max_tokens":1,"min_tokens":1');
const SAMPLING = new Text('"sampling_params":{"max_tokens":1,"min_tokens":1}');

function isAmong(hash: u64, members: StaticArray<u64>): bool {
  for (let i = 0; i < members.length; i++) if (unchecked(members[i]) === hash) return true;
  return false;
}

/** Finds what is to be taken out of a body, and where members may be put in. */
class MemberReader extends JsonHandler {
  readonly tokens: Tokenizer = new Tokenizer();
  readonly strips: Strips = new Strips();
  /** Offsets of the last braces of the body and of its sampling parameters. */
  bodyEnd: u32 = 0;
  samplingEnd: u32 = 0;
  /** Offsets of the threshold, of several the last one's, and behind it; 0 where there is none. */
  thresholdStart: u32 = 0;
  thresholdEnd: u32 = 0;
  bodyHasMembers: bool = false;
  samplingHasMembers: bool = false;
  /** An answer of one token is asked for. */
  isLimited: bool = false;
  /** Also one that is taken out. */
  hasAnyMember: bool = false;
  /** More than one answer is wanted, or there is more than one prompt. */
  asksForMany: bool = false;
  private isCount: bool = false;
  private isPrompt: bool = false;
  private promptCount: u32 = 0;
  private lastComma: u32 = 0;
  private innerComma: u32 = 0;
  private isStripped: bool = false;
  private isSampling: bool = false;
  private isThreshold: bool = false;

  begin(isLimited: bool): void {
    this.isLimited = isLimited;
    this.tokens.begin();
    this.strips.begin();
    this.bodyEnd = 0;
    this.samplingEnd = 0;
    this.thresholdStart = 0;
    this.thresholdEnd = 0;
    this.isThreshold = false;
    this.bodyHasMembers = false;
    this.hasAnyMember = false;
    this.asksForMany = false;
    this.isCount = false;
    this.isPrompt = false;
    this.samplingHasMembers = false;
    this.isStripped = false;
    this.isSampling = false;
  }

  /** Of the body's object, and of the object of its sampling parameters. */
  private isInner(): bool {
    return this.isSampling && this.tokens.depth === 2;
  }

  wantsKeys(): bool {
    return this.tokens.depth === 1 || this.isInner();
  }

  key(): void {
    const hash = this.tokens.keyHash;
    this.isCount = hash === ANSWERS || hash === CANDIDATES;
    if (this.tokens.depth === 1) {
      this.hasAnyMember = true;
      this.isPrompt = hash === PROMPT;
      this.promptCount = 0;
      this.isSampling = hash === SAMPLING_PARAMS;
      this.isThreshold = hash === THRESHOLD;
      if (this.isThreshold) this.thresholdEnd = 0;
      // Of several, model servers take the last.
      if (this.isSampling) this.samplingEnd = 0;
      if (this.isTakenOut(hash)) this.strip(this.bodyHasMembers, this.lastComma);
      else this.bodyHasMembers = true;
    } else if (this.isInner()) {
      if (this.isLimited && isAmong(hash, SAMPLING_MEMBERS))
        this.strip(this.samplingHasMembers, this.innerComma);
      else this.samplingHasMembers = true;
    }
  }

  private isTakenOut(hash: u64): bool {
    return isAmong(hash, STREAM_MEMBERS) || (this.isLimited && isAmong(hash, LIMIT_MEMBERS));
  }

  private strip(hasMembers: bool, comma: u32): void {
    this.isStripped = true;
    this.strips.open(hasMembers ? comma : this.tokens.keyStart);
  }

  comma(offset: u32): void {
    const depth = this.tokens.depth;
    if (depth === 1) {
      this.close(offset, !this.bodyHasMembers);
      this.lastComma = offset;
    } else if (this.isInner()) {
      this.close(offset, !this.samplingHasMembers);
      this.innerComma = offset;
    }
  }

  endContainer(offset: u32): void {
    if (this.tokens.depth === 1) {
      this.close(offset, false);
      this.bodyEnd = offset;
    } else if (this.isInner()) {
      this.close(offset, false);
      this.samplingEnd = offset;
    }
  }

  private close(offset: u32, takesComma: bool): void {
    if (!this.isStripped) return;
    this.isStripped = false;
    if (!this.strips.close(takesComma ? offset + 1 : offset)) this.tokens.fail(FAILED_STRIPS);
  }

  beginObject(): void {
    if (this.isInner()) this.samplingHasMembers = false;
  }

  beginArray(): void {
    if (this.isInner()) this.isSampling = false;
    if (this.tokens.depth === 3) this.countPrompt();
  }

  beginString(_offset: u32): u32 {
    if (this.tokens.depth === 2) this.countPrompt();
    return SINK_SKIP;
  }

  /** In a list of prompts, a text or a list of token ids is one. */
  private countPrompt(): void {
    if (this.isPrompt && ++this.promptCount > 1) this.asksForMany = true;
  }

  beginNumber(offset: u32): u32 {
    if (this.isThreshold && this.tokens.depth === 1) this.thresholdStart = offset;
    return SINK_SKIP;
  }

  piece(_source: usize, _bytes: u32): void {}
  endString(_offset: u32): void {}

  endNumber(offset: u32): void {
    const number = this.tokens.number;
    if (this.isCount && number.integer > 1) this.asksForMany = true;
    this.isCount = false;
    if (!this.isThreshold || this.tokens.depth !== 1) return;
    // Of none, nothing is too little.
    if (!number.isInteger() || number.integer !== 0) this.thresholdEnd = offset;
  }

  literal(_kind: u32): void {}
}

const reader = new MemberReader();
const edits = new BodyEdits();
const added = new TextBuffer(8 * 1024);
let body: usize = 0;

/** The body built last. Members may be put into the held one at `bodyStart`, behind its first brace. */
export let legBodyAt: usize = 0;
export let legBodyBytes: u32 = 0;
export let bodyStart: u32 = 0;
export let bodyHasMembers: bool = false;
/** Where in the held body its `cache_hit_threshold` stands; 0 behind it where there is none. */
export let thresholdStart: u32 = 0;
export let thresholdEnd: u32 = 0;
/** It wants more than one answer, or has more than one prompt. */
export let asksForMany: bool = false;

/**
 * Makes the body of a prefill from the held one of `bytes` bytes; false where it cannot be made.
 * `isLimited`: it has to ask for one token.
 */
export function buildLegBody(bytes: u32, api: u32, members: TextBuffer, isLimited: bool): bool {
  if (bytes > LEG_BODY_BYTES_MAX || !readMembers(bytes, isLimited)) return false;
  edits.begin();
  const strips = reader.strips;
  for (let i: u32 = 0; i < strips.count; i++) edits.blank(strips.rangeStart(i), strips.rangeEnd(i));
  return addMembers(api, members) && writeBody(bytes);
}

function readMembers(bytes: u32, isLimited: bool): bool {
  reader.begin(isLimited);
  bodyStart = 0;
  for (let start: u32 = 0; start < bytes; ) {
    const read = readBuffer(REQUEST_BODY, start, min(SLICE_BYTES, bytes - start));
    if (read === 0) return false;
    if (start === 0) bodyStart = behindBrace(bufferAt(), read);
    reader.tokens.read<MemberReader>(reader, bufferAt(), read);
    start += read;
  }
  bodyHasMembers = reader.hasAnyMember;
  thresholdStart = reader.thresholdStart;
  thresholdEnd = reader.thresholdEnd;
  asksForMany = reader.asksForMany;
  const isRead = reader.tokens.failure === FAILED_NOT && reader.tokens.hasEnded();
  return isRead && bodyStart > 0 && reader.bodyEnd > 0;
}

/** Before the first brace there is white space at most, and perhaps a byte order mark. */
function behindBrace(slice: usize, bytes: u32): u32 {
  for (let i: u32 = 0; i < bytes; i++) {
    if (load<u8>(slice + i) === OPENING_BRACE) return i + 1;
  }
  return 0;
}

function addMembers(api: u32, members: TextBuffer): bool {
  added.clear();
  add(NOT_STREAMED.at, NOT_STREAMED.bytes);
  if (reader.isLimited && !addLimits(api)) return false;
  if (members.bytes > 0) add(members.at, members.bytes);
  return edits.replace(reader.bodyEnd, reader.bodyEnd, added.at, added.bytes);
}

function addLimits(api: u32): bool {
  if (api !== API_VLLM_GENERATE) {
    const limits = api === API_RESPONSES ? LIMITS_OF_RESPONSES : LIMITS;
    add(limits.at, limits.bytes);
  } else if (reader.samplingEnd === 0) {
    add(SAMPLING.at, SAMPLING.bytes);
  } else {
    return limitSampling();
  }
  return true;
}

/** Members with a comma before them, unless they are the body's first. */
function add(members: usize, bytes: u32): void {
  if (reader.bodyHasMembers || added.bytes > 0) added.addByte(COMMA);
  added.add(members, bytes);
}

const inner = new TextBuffer(64);

function limitSampling(): bool {
  inner.clear();
  if (reader.samplingHasMembers) inner.addByte(COMMA);
  inner.addText(LIMITS_OF_SAMPLING);
  return edits.replace(reader.samplingEnd, reader.samplingEnd, inner.at, inner.bytes);
}

function writeBody(bytes: u32): bool {
  if (<i64>bytes + <i64>edits.growth() > <i64>LEG_BODY_BYTES_MAX) return false;
  legBodyAt = bodyRoom();
  legBodyBytes = 0;
  for (let start: u32 = 0; start < bytes; ) {
    const read = readBuffer(REQUEST_BODY, start, min(SLICE_BYTES, bytes - start));
    if (read === 0) return false;
    while (edits.nextPiece(bufferAt(), start, start + read)) {
      memory.copy(legBodyAt + legBodyBytes, edits.pieceAt, edits.pieceBytes);
      legBodyBytes += edits.pieceBytes;
    }
    start += read;
  }
  return true;
}

/** Room for one call's body of LEG_BODY_BYTES_MAX bytes; the host copies it. */
export function bodyRoom(): usize {
  if (body === 0) body = heap.alloc(LEG_BODY_BYTES_MAX);
  return body;
}
