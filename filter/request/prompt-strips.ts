// Which bytes of the body are to be blanked, so that what only the gateway may say is gone and the
// rest is valid JSON still: the member, and one comma beside it.
//
//   { "a": 1, "bootstrap_room": 2, "b": 3 }     a member stays before it: from the comma before
//           |---------------------|
//   { "bootstrap_room": 2, "b": 3 }             none stays before it: to behind the next comma
//     |-------------------|

/** Members that may be stripped from one body. */
const STRIPS_MAX: u32 = 16;
const STRIP_BYTES: u32 = 8;

export class Strips {
  count: u32 = 0;
  private start: u32 = 0;
  private readonly ranges: usize = heap.alloc(STRIPS_MAX * STRIP_BYTES);

  begin(): void {
    this.count = 0;
  }

  /** A member to be stripped begins, at the comma before it or at its name. */
  open(start: u32): void {
    this.start = start;
  }

  /** It ends. Answers false when there are too many. */
  close(end: u32): bool {
    if (this.count === STRIPS_MAX) return false;
    const range = this.ranges + this.count * STRIP_BYTES;
    store<u32>(range, this.start);
    store<u32>(range, end, 4);
    this.count++;
    return true;
  }

  /** Offset in the body of the first byte of a range. */
  rangeStart(index: u32): u32 {
    return index < this.count ? load<u32>(this.ranges + index * STRIP_BYTES) : 0;
  }

  /** Offset of the byte behind a range. */
  rangeEnd(index: u32): u32 {
    return index < this.count ? load<u32>(this.ranges + index * STRIP_BYTES, 4) : 0;
  }
}
