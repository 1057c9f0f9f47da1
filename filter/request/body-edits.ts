// Edits of a request's body: what is to stand in place of which bytes. They are collected while the
// body is held, in any order, and made all at once as its slices pass.
//
//   { "model": "a", "messages": […], "bootstrap_room": 2 }
//              |-|                 |--------------------|
//              "b", longer or not   as many spaces      ^ nothing replaced by a member: inserted
import { TextBuffer } from "../text-buffer.ts";

/** Edits of one body: those of the strips, and as many others. */
const EDITS_MAX: u32 = 32;
/** Of all texts that one body gets. */
const TEXT_BYTES_MAX: u32 = 64 * 1024;

const SPACE: u8 = 0x20;

// One edit: offsets in the body of its first byte and behind its last one; address and bytes of the
// text, where address 0 stands for as many spaces.
const EDIT_BYTES: u32 = 16;
const END: usize = 4;
const TEXT: usize = 8;
const LENGTH: usize = 12;

export class BodyEdits {
  count: u32 = 0;
  /** What nextPiece found. */
  pieceAt: usize = 0;
  pieceBytes: u32 = 0;

  private readonly list: usize = heap.alloc(EDITS_MAX * EDIT_BYTES);
  private readonly texts: TextBuffer = new TextBuffer(TEXT_BYTES_MAX);
  /** How far the body has passed: offset, the edit that is next, whether its text has been given. */
  private offset: u32 = 0;
  private next: u32 = 0;
  private isTextGiven: bool = false;

  begin(): void {
    this.count = 0;
    this.offset = 0;
    this.next = 0;
    this.isTextGiven = false;
    this.texts.clear();
  }

  /**
   * Puts a text in place of the bytes from `start` to before `end`; none where they are equal: what is
   * inserted at one place stands in the order of the calls. The text is copied. Answers false, and
   * edits nothing, when there are too many edits or too much text.
   */
  replace(start: u32, end: u32, text: usize, bytes: u32): bool {
    if (bytes > this.texts.room) return false;
    const at = this.texts.at + this.texts.bytes;
    this.texts.add(text, bytes);
    return this.add(start, end, at, bytes);
  }

  /** Makes the bytes from `start` to before `end` spaces. Answers false when there are too many edits. */
  blank(start: u32, end: u32): bool {
    return start === end || this.add(start, end, 0, end - start);
  }

  /** Bytes by which the body becomes longer, or (negative) shorter. */
  growth(): i32 {
    let growth: i32 = 0;
    for (let index: u32 = 0; index < this.count; index++) {
      const edit = this.edit(index);
      growth += <i32>load<u32>(edit, LENGTH) - <i32>(load<u32>(edit, END) - load<u32>(edit));
    }
    return growth;
  }

  private edit(index: u32): usize {
    return this.list + <usize>(index * EDIT_BYTES);
  }

  /** Ranges nest or are apart, as members are: of two that nest, the outer one is made. */
  private add(start: u32, end: u32, text: usize, bytes: u32): bool {
    let place = this.count;
    while (place > 0 && load<u32>(this.edit(place - 1), END) > start) place--;
    if (place < this.count && this.isWithin(place, start, end)) return true;
    let behind = place;
    while (behind < this.count && load<u32>(this.edit(behind)) < end) behind++;
    if (place === behind && this.count === EDITS_MAX) return false;
    const edit = this.edit(place);
    memory.copy(edit + EDIT_BYTES, this.edit(behind), <usize>((this.count - behind) * EDIT_BYTES));
    store<u32>(edit, start);
    store<u32>(edit, end, END);
    store<u32>(edit, text as u32, TEXT);
    store<u32>(edit, bytes, LENGTH);
    this.count = this.count + 1 - (behind - place);
    return true;
  }

  /** Whether the edit at `index`, which ends behind `start`, holds the range. */
  private isWithin(index: u32, start: u32, end: u32): bool {
    const edit = this.edit(index);
    const from = load<u32>(edit);
    return from < start || (from === start && end > start && load<u32>(edit, END) > end);
  }

  /**
   * Finds what comes next of the edited body, while the slice passes in which its bytes from `start` to
   * before `end` stand; false when the slice has passed. Slices come in order from offset 0, without
   * gaps. Blanked bytes are overwritten in the slice.
   */
  nextPiece(slice: usize, start: u32, end: u32): bool {
    while (this.next < this.count) {
      const edit = this.edit(this.next);
      const from = load<u32>(edit);
      if (this.offset < from) return this.passTo(min(from, end), slice, start);
      if (load<u32>(edit, TEXT) === 0) {
        const to = min(load<u32>(edit, END), end);
        memory.fill(slice + (this.offset - start), SPACE, to - this.offset);
        if (to === load<u32>(edit, END)) this.next++;
        return this.passTo(to, slice, start);
      }
      if (!this.isTextGiven) return this.giveText(edit);
      this.offset = min(load<u32>(edit, END), end);
      if (load<u32>(edit, END) > end) return false;
      this.next++;
      this.isTextGiven = false;
    }
    return this.passTo(end, slice, start);
  }

  /** Gives the bytes up to an offset as they stand in the slice. */
  private passTo(offset: u32, slice: usize, start: u32): bool {
    this.pieceAt = slice + (this.offset - start);
    this.pieceBytes = offset - this.offset;
    this.offset = offset;
    return this.pieceBytes > 0;
  }

  private giveText(edit: usize): bool {
    this.isTextGiven = true;
    this.pieceAt = load<u32>(edit, TEXT);
    this.pieceBytes = load<u32>(edit, LENGTH);
    return true;
  }
}
