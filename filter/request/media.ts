// Where in a held body the media stand that encoders are to encode, and what else of it they get: each
// one the client's body, with that medium for all of its messages.
//
//   { "model": "a", "messages": [ … { "type": "image_url", … } … ], "stream": true, "seed": 1 }
//     |----------|                |--- an item, by its URL ----|                     |-------|
import { ENCODED_ITEMS_MAX } from "../../protocol/limits.ts";
import { bufferAt, REQUEST_BODY, readBuffer, SLICE_BYTES } from "../host/buffers.ts";
import { JsonHandler, SINK_HASH, SINK_SKIP } from "../json/handler.ts";
import { hashOf } from "../json/text-hash.ts";
import { FAILED_NOT, Tokenizer } from "../json/tokenizer.ts";
import { ENCODED_TYPES } from "./prompt-names.ts";

/** More runs of members than can be kept, or more media. */
const FAILED_TOO_MANY: u32 = 5;
const RANGES_MAX: u32 = 16;
const RANGE_BYTES: u32 = 8;
const ITEM_BYTES: u32 = 16;
/** Of the types, those that a URL names; the last one is inline. */
const URL_TYPES: i32 = 3;
const NO_TYPE: i32 = -1;

const MESSAGES: u64 = hashOf("messages");
const CONTENT: u64 = hashOf("content");
const TYPE: u64 = hashOf("type");
const URL: u64 = hashOf("url");
const MAX_COMPLETION_TOKENS: u64 = hashOf("max_completion_tokens");

/** Members that an encoder's body has otherwise, or not at all. */
const OWN_MEMBERS: StaticArray<u64> = [
  MESSAGES,
  MAX_COMPLETION_TOKENS,
  hashOf("stream"),
  hashOf("stream_options"),
  hashOf("max_tokens"),
  hashOf("min_tokens"),
  hashOf("n"),
  hashOf("best_of"),
  // Of encoders that have answered before.
  hashOf("ec_transfer_params"),
];

function isOwn(hash: u64): bool {
  for (let i = 0; i < OWN_MEMBERS.length; i++) {
    if (unchecked(OWN_MEMBERS[i]) === hash) return true;
  }
  return false;
}

function typeOf(hash: u64): i32 {
  for (let i = 0; i < ENCODED_TYPES.length; i++) {
    if (unchecked(ENCODED_TYPES[i]) === hash) return i;
  }
  return NO_TYPE;
}

// Depths of what is open, where the one around is what it has to be.
const IN_BODY: u32 = 1;
const IN_MESSAGES: u32 = 2;
const IN_MESSAGE: u32 = 3;
const IN_PARTS: u32 = 4;
const IN_PART: u32 = 5;
const IN_MEDIUM: u32 = 6;

class MediaReader extends JsonHandler {
  readonly tokens: Tokenizer = new Tokenizer();
  /** Offsets of runs of members: of the first one's name, and behind the last one's value. */
  readonly ranges: usize = heap.alloc(RANGES_MAX * RANGE_BYTES);
  rangeCount: u32 = 0;
  /** Offsets of each item's braces, and the hash of its URL, 0 for none. */
  readonly items: usize = heap.alloc(ENCODED_ITEMS_MAX * ITEM_BYTES);
  itemCount: u32 = 0;
  bodyStart: u32 = 0;
  limitsCompletion: bool = false;

  /** How deep the containers that are open are those of a part of a message. */
  private within: u32 = 0;
  private isKept: bool = false;
  private memberStart: u32 = 0;
  /** The value to come is the last member's, and leads on to a part or tells of it. */
  private isNext: bool = false;
  private itemsBefore: u32 = 0;
  private partStart: u32 = 0;
  private type: i32 = NO_TYPE;
  private memberType: i32 = NO_TYPE;
  private readonly urls: StaticArray<u64> = new StaticArray<u64>(ENCODED_TYPES.length);

  begin(): void {
    this.tokens.begin();
    this.rangeCount = 0;
    this.itemCount = 0;
    this.bodyStart = 0;
    this.limitsCompletion = false;
    this.within = 0;
    this.isKept = false;
    this.isNext = false;
  }

  wantsKeys(): bool {
    return this.tokens.depth === this.within;
  }

  key(): void {
    if (this.tokens.depth !== this.within) return;
    const hash = this.tokens.keyHash;
    this.isNext = false;
    if (this.within === IN_BODY) this.bodyKey(hash);
    else if (this.within === IN_MESSAGE) {
      this.isNext = hash === CONTENT;
      // Of several, model servers take the last.
      if (this.isNext) this.itemCount = this.itemsBefore;
    } else if (this.within === IN_PART) this.partKey(hash);
    else if (this.within === IN_MEDIUM) {
      this.isNext = hash === URL;
      if (this.isNext) unchecked((this.urls[this.memberType] = 0));
    }
  }

  private bodyKey(hash: u64): void {
    this.isKept = !isOwn(hash);
    if (!this.isKept) this.memberStart = 0;
    else if (this.memberStart === 0) this.memberStart = this.tokens.keyStart;
    if (hash === MAX_COMPLETION_TOKENS) this.limitsCompletion = true;
    this.isNext = hash === MESSAGES;
    if (this.isNext) this.itemCount = 0;
  }

  private partKey(hash: u64): void {
    this.memberType = typeOf(hash);
    if (hash === TYPE) this.type = NO_TYPE;
    if (this.memberType !== NO_TYPE) unchecked((this.urls[this.memberType] = 0));
    this.isNext = hash === TYPE || this.memberType !== NO_TYPE;
  }

  /** A run of members that are kept ends with each of them, and goes on with the next. */
  private endMember(offset: u32): void {
    if (!this.isKept) return;
    this.isKept = false;
    const last = this.ranges + (this.rangeCount - 1) * RANGE_BYTES;
    if (this.rangeCount > 0 && load<u32>(last) === this.memberStart) {
      store<u32>(last, offset, 4);
      return;
    }
    if (this.rangeCount === RANGES_MAX) {
      this.tokens.fail(FAILED_TOO_MANY);
      return;
    }
    const range = this.ranges + this.rangeCount++ * RANGE_BYTES;
    store<u32>(range, this.memberStart);
    store<u32>(range, offset, 4);
  }

  comma(offset: u32): void {
    if (this.tokens.depth === IN_BODY) this.endMember(offset);
  }

  beginObject(): void {
    const depth = this.tokens.depth;
    if (depth === IN_BODY) {
      this.within = IN_BODY;
      this.bodyStart = this.tokens.containerStart + 1;
      this.memberStart = 0;
    } else if (this.enters(depth) && (depth & 1) === 1) {
      this.within = depth;
      if (depth === IN_MESSAGE) this.itemsBefore = this.itemCount;
      else this.beginPart();
    } else if (this.enters(depth) && depth === IN_MEDIUM && this.memberType !== NO_TYPE) {
      this.within = depth;
    }
    this.isNext = false;
  }

  beginArray(): void {
    const depth = this.tokens.depth;
    if (this.enters(depth) && (depth === IN_MESSAGES || depth === IN_PARTS)) this.within = depth;
    this.isNext = false;
  }

  /** Whether a container at this depth is the next one on the way to a part. */
  private enters(depth: u32): bool {
    if (depth !== this.within + 1) return false;
    return this.isNext || depth === IN_MESSAGE || depth === IN_PART;
  }

  private beginPart(): void {
    this.partStart = this.tokens.containerStart;
    this.type = NO_TYPE;
    this.memberType = NO_TYPE;
    this.urls.fill(0);
  }

  beginString(_offset: u32): u32 {
    const isWanted = this.isNext && this.tokens.depth === this.within;
    return isWanted && this.within >= IN_PART ? SINK_HASH : SINK_SKIP;
  }

  endString(_offset: u32): void {
    if (!this.isNext || this.tokens.depth !== this.within) return;
    const hash = this.tokens.hash.end();
    if (this.within === IN_MEDIUM) unchecked((this.urls[this.memberType] = hash));
    else if (this.within === IN_PART && this.memberType === NO_TYPE) this.type = typeOf(hash);
  }

  endContainer(offset: u32): void {
    const depth = this.tokens.depth;
    if (depth === IN_BODY) this.endMember(offset);
    if (depth !== this.within) return;
    if (depth === IN_PART && this.type !== NO_TYPE) this.addItem(offset + 1);
    this.within = depth - 1;
    this.isNext = false;
  }

  private addItem(end: u32): void {
    const url = this.type < URL_TYPES ? unchecked(this.urls[this.type]) : 0;
    if (url !== 0) {
      for (let i: u32 = 0; i < this.itemCount; i++) {
        if (load<u64>(this.items + i * ITEM_BYTES, 8) === url) return;
      }
    }
    if (this.itemCount === ENCODED_ITEMS_MAX) {
      this.tokens.fail(FAILED_TOO_MANY);
      return;
    }
    const item = this.items + this.itemCount++ * ITEM_BYTES;
    store<u32>(item, this.partStart);
    store<u32>(item, end, 4);
    store<u64>(item, url, 8);
  }

  beginNumber(_offset: u32): u32 {
    return SINK_SKIP;
  }

  piece(_source: usize, _bytes: u32): void {}
  endNumber(_offset: u32): void {}
  literal(_kind: u32): void {}
}

const reader = new MediaReader();

/** Finds the media in the held body of `bytes` bytes; false where they are too many. */
export function findMedia(bytes: u32): bool {
  reader.begin();
  for (let start: u32 = 0; start < bytes; ) {
    const read = readBuffer(REQUEST_BODY, start, min(SLICE_BYTES, bytes - start));
    if (read === 0) return false;
    reader.tokens.read<MediaReader>(reader, bufferAt(), read);
    start += read;
  }
  return reader.tokens.failure === FAILED_NOT && reader.tokens.hasEnded();
}

/** What follows is of the body read last. */
export function itemCount(): u32 {
  return reader.itemCount;
}

export function itemStart(item: u32): u32 {
  return load<u32>(reader.items + item * ITEM_BYTES);
}

export function itemEnd(item: u32): u32 {
  return load<u32>(reader.items + item * ITEM_BYTES, 4);
}

export function rangeCount(): u32 {
  return reader.rangeCount;
}

export function rangeStart(range: u32): u32 {
  return load<u32>(reader.ranges + range * RANGE_BYTES);
}

export function rangeEnd(range: u32): u32 {
  return load<u32>(reader.ranges + range * RANGE_BYTES, 4);
}

/** Behind the body's first brace. */
export function bodyStart(): u32 {
  return reader.bodyStart;
}

/** The client says by `max_completion_tokens` how long its answer may be. */
export function limitsCompletion(): bool {
  return reader.limitsCompletion;
}
