// The index on the wire: written whole for a gateway that has none, read back from one that has.
import { holderOf } from "../../protocol/holders.ts";
import { blocksOfKey } from "../../protocol/keys.ts";
import * as wire from "../../protocol/records.ts";
import type { KeyList } from "../index/key-list.ts";
import type { PrefixIndex } from "../index/prefix-index.ts";
import type { FrameWriter } from "./frame-writer.ts";

/** Of one frame: a quarter of a million keys. */
const ENTRIES_BYTES_MAX = 3 * 1024 * 1024;

/**
 * Writes each slot's keys from place `from` of its list on, newest first, as many of each slot as
 * find room. Answers the place from which keys are still to be told, or null when all are.
 */
export function writeEntries(writer: FrameWriter, index: PrefixIndex, from: number): number | null {
  const lists = [...index.lists()].filter(([, list]) => list.size > from);
  if (lists.length === 0) return null;
  const bytes = Math.min(ENTRIES_BYTES_MAX, writer.room - wire.ENTRIES_BYTES);
  const end = from + Math.floor(bytes / wire.ENTRY_BYTES / lists.length);
  const sizes = lists.map(([, list]) => Math.min(list.size, end) - from);
  const count = sizes.reduce((sum, size) => sum + size, 0);
  const body = writer.begin(wire.ENTRIES, wire.ENTRIES_BYTES + count * wire.ENTRY_BYTES);
  writer.view.setUint32(body + wire.ENTRIES_COUNT, count, true);
  let at = body + wire.ENTRIES_BYTES;
  for (const [slot, list] of lists) at = writeList(writer.view, at, slot, list, from, end);
  return lists.some(([, list]) => list.size > end) ? end : null;
}

/** Writes a list's keys from one place to before another; answers where the next entry goes. */
function writeList(
  view: DataView,
  start: number,
  slot: number,
  list: KeyList,
  from: number,
  end: number,
): number {
  let at = start;
  let place = 0;
  list.eachNewestFirst((low, high, age) => {
    if (place++ < from) return true;
    if (place > end) return false;
    view.setUint32(at, low, true);
    view.setUint32(at + 4, high, true);
    view.setUint32(at + wire.ENTRY_HOLDER, holderOf(slot, age), true);
    at += wire.ENTRY_BYTES;
    return true;
  });
  return at;
}

/** A verified PICK record's effect on the list of its slot. */
export function applyPick(view: DataView, body: number, list: KeyList): void {
  const flags = view.getUint32(body + wire.PICK_FLAGS, true);
  const count = view.getUint32(body + wire.PICK_KEYS, true);
  const blocks = view.getUint32(body + wire.PICK_BLOCKS, true);
  // Last key first, so that a chain loses its tail first.
  for (let index = count - 1; index >= 0; index--) {
    const at = body + wire.PICK_BYTES + index * 8;
    const low = view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    if (flags & wire.PICK_FLAG_REMOVE) list.remove(low, high);
    else if (flags & wire.PICK_FLAG_TOUCH) list.touch(low, high, blocksOfKey(index, count, blocks));
    else list.insert(low, high, blocksOfKey(index, count, blocks));
  }
}
