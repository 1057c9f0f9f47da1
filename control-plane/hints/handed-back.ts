// Entries of an index that a gateway hands back, gathered from one frame. A gateway may spread them
// over many records and in any order of age, so they are sorted and merged once a slot.
import { holderAge, holderSlot } from "../../protocol/holders.ts";
import { ENTRIES_BYTES, ENTRIES_COUNT, ENTRY_BYTES, ENTRY_HOLDER } from "../../protocol/records.ts";
import type { PrefixIndex } from "../index/prefix-index.ts";

/** Key (low, high) and age. */
const WORDS = 3;
const AGE = 2;
/** Ages are below 2^20 and places below this, so that both fit the 53 bits of one number. */
const PLACES_MAX = 2 ** 21;

export class HandedBack {
  readonly #words = new Map<number, number[]>();

  /** Takes a verified ENTRIES record. */
  add(view: DataView, body: number): void {
    const end = body + ENTRIES_BYTES + view.getUint32(body + ENTRIES_COUNT, true) * ENTRY_BYTES;
    for (let at = body + ENTRIES_BYTES; at < end; at += ENTRY_BYTES) {
      const holder = view.getUint32(at + ENTRY_HOLDER, true);
      const words = this.#wordsOf(holderSlot(holder));
      words.push(view.getUint32(at, true), view.getUint32(at + 4, true), holderAge(holder));
    }
  }

  /** Answers how many entries were told, whether or not they found room. */
  mergeInto(index: PrefixIndex): number {
    let entries = 0;
    for (const [slot, words] of this.#words) {
      entries += words.length / WORDS;
      index.list(slot)?.merge(youngestFirst(words));
    }
    return entries;
  }

  #wordsOf(slot: number): number[] {
    const words = this.#words.get(slot) ?? [];
    this.#words.set(slot, words);
    return words;
  }
}

function youngestFirst(words: number[]): Uint32Array {
  const order = new Float64Array(words.length / WORDS);
  for (let place = 0; place < order.length; place++) {
    order[place] = words[place * WORDS + AGE]! * PLACES_MAX + place;
  }
  order.sort();
  const sorted = new Uint32Array(words.length);
  for (const [to, aged] of order.entries()) {
    const from = (aged % PLACES_MAX) * WORDS;
    for (let word = 0; word < WORDS; word++) sorted[to * WORDS + word] = words[from + word]!;
  }
  return sorted;
}
