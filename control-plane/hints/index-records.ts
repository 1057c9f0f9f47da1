// The index on the wire: written whole for a gateway that has none, read back from one that has.
import * as wire from "../../protocol/records.ts";
import type { KeyList } from "../index/key-list.ts";
import type { PrefixIndex } from "../index/prefix-index.ts";
import type { FrameWriter } from "./frame-writer.ts";

/** An index in one frame: all of half a million keys. */
const ENTRIES_BYTES_MAX = 6 * 1024 * 1024;

/** Writes each slot's keys newest first; where all do not fit, each slot loses its oldest. */
export function writeEntries(writer: FrameWriter, index: PrefixIndex): void {
  const bytes = Math.min(ENTRIES_BYTES_MAX, writer.room);
  const lists = [...index.lists()].filter(([, list]) => list.size > 0);
  lists.sort(([, a], [, b]) => a.size - b.size);
  let room = Math.floor(bytes / wire.ENTRY_BYTES) - lists.length;
  for (const [place, [slot, list]] of lists.entries()) {
    const share = Math.max(0, Math.floor(room / (lists.length - place)));
    const count = Math.min(list.size, share);
    writeList(writer, slot, list, count);
    room -= count;
  }
}

function writeList(writer: FrameWriter, slot: number, list: KeyList, count: number): void {
  const body = writer.begin(wire.ENTRIES, wire.ENTRIES_BYTES + count * wire.ENTRY_BYTES);
  const view = writer.view;
  view.setUint32(body + wire.ENTRIES_SLOT, slot, true);
  view.setUint32(body + wire.ENTRIES_COUNT, count, true);
  const end = body + wire.ENTRIES_BYTES + count * wire.ENTRY_BYTES;
  let at = body + wire.ENTRIES_BYTES;
  if (count === 0) return;
  list.eachNewestFirst((low, high, age) => {
    view.setUint32(at, low, true);
    view.setUint32(at + 4, high, true);
    view.setUint32(at + 8, age, true);
    at += wire.ENTRY_BYTES;
    return at < end;
  });
}

/** A verified PICK record's effect on the list of its slot. */
export function applyPick(view: DataView, body: number, list: KeyList): void {
  const flags = view.getUint32(body + wire.PICK_FLAGS, true);
  const count = view.getUint32(body + wire.PICK_KEYS, true);
  // Last key first, so that a chain loses its tail first.
  for (let index = count - 1; index >= 0; index--) {
    const at = body + wire.PICK_BYTES + index * 8;
    const low = view.getUint32(at, true);
    const high = view.getUint32(at + 4, true);
    if (flags & wire.PICK_FLAG_REMOVE) list.remove(low, high);
    else if (flags & wire.PICK_FLAG_TOUCH) list.touch(low, high);
    else list.insert(low, high);
  }
}
