// Server-sent events, cut anywhere: hands the text of each event's `data` on, in place. A line ends
// with a line feed, before which a carriage return may stand; an empty line ends the event.
//
//   data: {"choices":[...]}      the value follows the colon and at most one space
//   event: message_stop          other fields, and comments, are passed over

const LINE_FEED: u8 = 0x0a;
const CARRIAGE_RETURN: u8 = 0x0d;
const COLON: u8 = 0x3a;
const FIELD: string = "data";

/** What a stretch of bytes is, after `next`. */
const STRETCH_NOTHING: u32 = 0;
/** Part of an event's data. */
export const STRETCH_DATA: u32 = 1;
/** An event has ended. */
export const STRETCH_END: u32 = 2;

const AT_LINE_START: u32 = 0;
const IN_FIELD: u32 = 1;
const IN_DATA: u32 = 2;
const IN_OTHER: u32 = 3;

export class UsageEvents {
  private state: u32 = 0;
  /** Letters of the field's name that have matched. */
  private matched: u32 = 0;
  /** The stretch found last. */
  start: usize = 0;
  bytes: u32 = 0;

  begin(): void {
    this.state = AT_LINE_START;
  }

  /**
   * Finds the next stretch from `at` on and answers what it is: STRETCH_DATA sets `start` and
   * `bytes`. `start + bytes` is where to go on; there is something at `at`.
   */
  next(at: usize, end: usize): u32 {
    this.start = at;
    this.bytes = 1;
    if (this.state === IN_DATA || this.state === IN_OTHER) return this.restOfLine(at, end);
    const byte = load<u8>(at);
    if (this.state === AT_LINE_START) {
      if (byte === LINE_FEED) return STRETCH_END;
      if (byte === CARRIAGE_RETURN) return STRETCH_NOTHING;
      this.matched = 0;
      this.state = IN_FIELD;
      if (isWholeField(at, end)) return this.beginData();
    }
    this.readField(byte);
    return STRETCH_NOTHING;
  }

  private beginData(): u32 {
    this.bytes = FIELD.length + 1;
    this.state = IN_DATA;
    return STRETCH_NOTHING;
  }

  private readField(byte: u8): void {
    if (byte === LINE_FEED) this.state = AT_LINE_START;
    else if (this.matched === (FIELD.length as u32))
      this.state = byte === COLON ? IN_DATA : IN_OTHER;
    else if (byte === (FIELD.charCodeAt(this.matched) as u8)) this.matched++;
    else this.state = IN_OTHER;
  }

  /** The line feed belongs to the stretch: JSON passes over it, and over the space in front. */
  private restOfLine(at: usize, end: usize): u32 {
    const isData = this.state === IN_DATA;
    const feed = findLineFeed(at, end);
    if (feed !== end) this.state = AT_LINE_START;
    this.bytes = ((feed !== end ? feed + 1 : end) - at) as u32;
    return isData ? STRETCH_DATA : STRETCH_NOTHING;
  }
}

// "data" as one number.
const FIELD_WORD: u32 = 0x61746164;

function isWholeField(at: usize, end: usize): bool {
  return end - at > 4 && load<u32>(at) === FIELD_WORD && load<u8>(at, 4) === COLON;
}

function findLineFeed(at: usize, end: usize): usize {
  while (at + 16 <= end) {
    const mask = i8x16.bitmask(i8x16.eq(v128.load(at), i8x16.splat(LINE_FEED)));
    if (mask !== 0) return at + ctz(mask);
    at += 16;
  }
  while (at < end && load<u8>(at) !== LINE_FEED) at++;
  return at;
}
