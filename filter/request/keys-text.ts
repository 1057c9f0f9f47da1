// The text of a segment of the prompt (the system text, or all messages) in blocks. Each message
// is hashed on its own, in stripes over sixteen lanes (protocol/keys.ts), and padded to whole
// stripes, so that blocks, which run on over the messages, always end on a stripe's end:
//
//   message 0              message 1                       message 2
//   |stripe|stripe|str00000|stripe|stripe|stripe|s00000000|stripe|...
//   |---------- block 0 ----------|---------- block 1 ----------|---
//
// At a block's end the lanes are folded: the block's raw key, over its message's bytes so far. What
// stands before the message, and the message's role, are combined with it when the message ends.
import { blockBytesAt, STRIPE_BYTES } from "../../protocol/keys.ts";
import { findSpecial } from "../json/scan.ts";
import {
  combine,
  copyShort,
  foldLanes,
  LANE_BYTES,
  mixPlainStripes,
  mixStripes,
  padStripe,
  resetLanes,
  STRIPE_ROOM_BYTES,
} from "../json/text-hash.ts";
import { KeyList } from "./keys.ts";

const WORD_BYTES: u32 = 4;
const WORD: usize = heap.alloc(WORD_BYTES);
const STRIPE_SHIFT: u32 = 6;
// One state in memory, so that it is saved and restored at once:
//   0 lanes (64)   64 pending stripe (64), and room to pad it
const PENDING: u32 = LANE_BYTES;
const STATE_BYTES: u32 = LANE_BYTES + STRIPE_ROOM_BYTES;

export class TextBlocks {
  /** Block keys of the segment, raw until their message ends. */
  keysStart: u32 = 1;
  /** What all messages before this one hash to. */
  digest: u64 = 0;
  /** Bytes of the segment: whole stripes up to the message's start. */
  private messageStart: u32 = 0;
  /** Bytes of the message: its text, and what was put between, a whole number of stripes each. */
  private messageBytes: u32 = 0;
  private messageKeys: u32 = 1;
  private blockBytes: u32 = STRIPE_BYTES;
  /** False: the walk's limit is passed, bytes are only counted. */
  isHashing: bool = true;
  private readonly state: usize = heap.alloc(STATE_BYTES);
  private readonly saved: usize = heap.alloc(STATE_BYTES);
  private savedBytes: u32 = 0;
  private savedKeys: u32 = 0;

  readonly keys: KeyList;

  constructor(keys: KeyList) {
    this.keys = keys;
  }

  begin(blockBytes: u32): void {
    this.blockBytes = blockBytes;
    this.isHashing = true;
    this.beginSegment();
  }

  /** Begins the system text or the messages; their keys follow those already there. */
  beginSegment(): void {
    this.keysStart = this.keys.count;
    this.digest = 0;
    this.messageStart = 0;
    this.messageBytes = 0;
    this.beginMessage();
  }

  /** Bytes of the segment, padding included. */
  segmentBytes(): u32 {
    return this.messageStart + padded(this.messageBytes);
  }

  beginMessage(): void {
    this.messageStart = this.segmentBytes();
    this.messageKeys = this.keys.count;
    this.messageBytes = 0;
    resetLanes(this.state);
  }

  /** Forgets the text of this message. */
  resetMessage(): void {
    this.keys.count = this.messageKeys;
    this.messageBytes = 0;
    resetLanes(this.state);
  }

  /** Remembers this place in the message, to come back to it. */
  save(): void {
    copyShort(this.saved, this.state, STATE_BYTES);
    this.savedBytes = this.messageBytes;
    this.savedKeys = this.keys.count;
  }

  restore(): void {
    copyShort(this.state, this.saved, STATE_BYTES);
    this.messageBytes = this.savedBytes;
    this.keys.count = this.savedKeys;
  }

  add(source: usize, bytes: u32): void {
    const held = this.messageBytes % STRIPE_BYTES;
    if (!this.isHashing) {
      this.messageBytes += bytes;
      return;
    }
    if (held + bytes < STRIPE_BYTES) {
      copyShort(this.state + PENDING + held, source, bytes);
      this.messageBytes += bytes;
      return;
    }
    if (held !== 0) {
      const room = STRIPE_BYTES - held;
      copyShort(this.state + PENDING + held, source, room);
      this.mix(this.state + PENDING, 1, room);
      source += room;
      bytes -= room;
    }
    this.addStripes(source, bytes >>> STRIPE_SHIFT);
    const rest = bytes % STRIPE_BYTES;
    copyShort(this.state + PENDING, source + (bytes - rest), rest);
    this.messageBytes += rest;
  }

  /** Adds whole stripes of plain text, as many as stand at `source`; answers where it stopped. */
  addPlain(source: usize, end: usize): usize {
    if (!this.isHashing) return source;
    const held = this.messageBytes % STRIPE_BYTES;
    if (held !== 0) {
      const aligned = source + (STRIPE_BYTES - held);
      if (aligned > end || findSpecial(source, aligned) !== aligned) return source;
      this.add(source, STRIPE_BYTES - held);
      source = aligned;
    }
    while (source + STRIPE_BYTES <= end) {
      const block = source + this.bytesToBlockEnd();
      const stop = mixPlainStripes(this.state, source, block < end ? block : end);
      this.messageBytes += (stop - source) as u32;
      source = stop;
      if (stop !== block) break;
      this.endBlock(this.messageBytes);
    }
    return source;
  }

  /** Adds the four bytes of a number. */
  addWord(word: u32): void {
    const held = this.messageBytes % STRIPE_BYTES;
    const stripe = this.state + PENDING;
    if (held + WORD_BYTES >= STRIPE_BYTES) {
      store<u32>(WORD, word);
      this.add(WORD, WORD_BYTES);
    } else {
      store<u32>(stripe + held, word);
      this.messageBytes += WORD_BYTES;
    }
  }

  private addStripes(source: usize, stripes: u32): void {
    while (stripes !== 0) {
      const most = this.bytesToBlockEnd() >>> STRIPE_SHIFT;
      const some = stripes < most ? stripes : most;
      this.mix(source, some, some * STRIPE_BYTES);
      source += some * STRIPE_BYTES;
      stripes -= some;
    }
  }

  /** Bytes to the end of the block in which the message's last whole stripe ends. */
  private bytesToBlockEnd(): u32 {
    const offset = this.messageStart + this.messageBytes;
    const block = blockBytesAt(offset, this.blockBytes);
    return block - (offset % block);
  }

  /** Mixes stripes that end at or before a block's end; they stand for `bytes` more bytes. */
  private mix(source: usize, stripes: u32, bytes: u32): void {
    mixStripes(this.state, source, stripes);
    this.messageBytes += bytes;
    this.endBlock(this.messageBytes);
  }

  private endBlock(bytes: u32): void {
    const end = this.messageStart + padded(bytes);
    if (end % blockBytesAt(end - 1, this.blockBytes) !== 0) return;
    if (this.keys.hasRoom()) this.keys.push(foldLanes(this.state, bytes));
  }

  /** Pads the text so far to whole stripes. Answers how many bytes of text it was. */
  private padText(): u32 {
    const bytes = this.messageBytes;
    const held = bytes % STRIPE_BYTES;
    if (held === 0) return bytes;
    padStripe(this.state + PENDING, held);
    mixStripes(this.state, this.state + PENDING, 1);
    this.endBlock(bytes);
    this.messageBytes = padded(bytes);
    return bytes;
  }

  /** Puts something that is not text between the texts: its hash, and how much it weighs. */
  put(hash: u64, weightBytes: u32): void {
    const weight = weightBytes === 0 ? STRIPE_BYTES : padded(weightBytes);
    if (!this.isHashing) {
      this.messageBytes = padded(this.messageBytes) + weight;
      return;
    }
    const textBytes = this.padText();
    const stripe = this.state + PENDING;
    store<u64>(stripe, hash);
    store<u32>(stripe, textBytes, 8);
    store<u32>(stripe, weightBytes, 12);
    padStripe(stripe, 16);
    mixStripes(this.state, stripe, 1);
    const end = this.messageBytes + weight;
    while (end - this.messageBytes >= this.bytesToBlockEnd()) {
      this.messageBytes += this.bytesToBlockEnd();
      if (this.keys.hasRoom()) this.keys.push(foldLanes(this.state, this.messageBytes));
    }
    this.messageBytes = end;
  }

  /**
   * Ends the message: its blocks become keys in the light of what stands before it and of its role,
   * and the digest takes in its text and `rest`, whatever else it holds, of `restBytes` bytes.
   */
  endMessage(role: u64, rest: u64, restBytes: u32): void {
    if (!this.isHashing) {
      this.messageBytes = padded(this.messageBytes) + padded(restBytes);
      this.combineBlocks(combine(this.digest, role));
      return;
    }
    const textBytes = this.padText();
    const context = combine(this.digest, role);
    this.combineBlocks(context);
    this.digest = combine(context, foldLanes(this.state, textBytes) ^ rest);
    if (restBytes !== 0) this.weigh(padded(restBytes));
  }

  private combineBlocks(context: u64): void {
    this.keys.combineFrom(this.messageKeys, this.keys.count - this.messageKeys, context);
    this.messageKeys = this.keys.count;
  }

  /** Blocks that end in what weighs behind the text are told apart by how many bytes they end at. */
  private weigh(bytes: u32): void {
    const end = this.messageBytes + bytes;
    while (end - this.messageBytes >= this.bytesToBlockEnd()) {
      this.messageBytes += this.bytesToBlockEnd();
      if (this.keys.hasRoom()) this.keys.push(combine(this.digest, this.messageBytes as u64));
    }
    this.messageBytes = end;
    this.messageKeys = this.keys.count;
  }
}

function padded(bytes: u32): u32 {
  return (bytes + STRIPE_BYTES - 1) & ~(STRIPE_BYTES - 1);
}
