// The keys of one prompt in the order they were found. Slot 0 is kept free for the key of the tools
// and their like, which stands before all others wherever its text stands in the body.
import { PROMPT_KEYS_MAX } from "../../protocol/limits.ts";
import { combine } from "../json/text-hash.ts";
import { Growing } from "./keys-storage.ts";

const KEY_BYTES: u32 = 8;
/** Keys that a prompt holds without storage of its own: half a megabyte in blocks from 1 KiB on. */
const OWN_KEYS: u32 = 128;

export class KeyList {
  private readonly memory: Growing = new Growing(OWN_KEYS * KEY_BYTES);
  /** Keys and the free slot 0. */
  count: u32 = 1;
  /** A key was left out, because there are as many as one prompt may have. */
  isFull: bool = false;

  begin(): void {
    this.memory.shrink();
    this.count = 1;
    this.isFull = false;
  }

  at(index: u32): usize {
    return this.memory.start + index * KEY_BYTES;
  }

  get(index: u32): u64 {
    return load<u64>(this.at(index));
  }

  set(index: u32, key: u64): void {
    store<u64>(this.at(index), key);
  }

  /** Whether one more key finds room. One place is kept for the key of slot 0. */
  hasRoom(): bool {
    const used = this.count * KEY_BYTES;
    const fits = used < this.memory.capacity || this.memory.grow(used);
    if (fits && this.count < PROMPT_KEYS_MAX) return true;
    this.isFull = true;
    return false;
  }

  /** Appends a key, for which `hasRoom` has answered true. */
  push(key: u64): void {
    store<u64>(this.at(this.count), key);
    this.count++;
  }

  /** Replaces each key from `first` on with its combination with `context`. */
  combineFrom(first: u32, count: u32, context: u64): void {
    let at = this.at(first);
    for (const end = at + count * KEY_BYTES; at < end; at += KEY_BYTES) {
      store<u64>(at, combine(load<u64>(at), context));
    }
  }

  /** Drops `count` keys from `first` on; later ones move up. */
  drop(first: u32, count: u32): void {
    const behind = first + count;
    memory.copy(this.at(first), this.at(behind), (this.count - behind) * KEY_BYTES);
    this.count -= count;
  }

  /** Swaps the neighbouring runs [first, middle) and [middle, count). */
  rotate(first: u32, middle: u32): void {
    this.reverse(first, middle);
    this.reverse(middle, this.count);
    this.reverse(first, this.count);
  }

  private reverse(first: u32, end: u32): void {
    while (first + 1 < end) {
      end--;
      const key = this.get(first);
      this.set(first, this.get(end));
      this.set(end, key);
      first++;
    }
  }
}
