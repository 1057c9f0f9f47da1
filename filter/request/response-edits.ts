// What is put in place of values in a response, as it passes. A value's place is known where it begins,
// so its text is passed on there, and its own bytes are left out up to its end, in whatever chunks they
// come: none is ever held back, and no answer is too long.
//
//   data: {"id":"x","model":"targ          et","choices":[…]}
//   ──────passed on────────▶ "asked"  ▓▓▓ ▓▓▓──passed on────▶
import { TextBuffer } from "../text-buffer.ts";

/** Of a text in place of a value. */
export const EDIT_TEXT_BYTES_MAX: u32 = 512;
const OUTPUT_BYTES: u32 = 64 * 1024;

/** The members whose values may be replaced: a string, and a count of tokens. */
export const EDIT_MODEL: i32 = 0;
export const EDIT_CACHED_TOKENS: i32 = 1;
const MEMBERS: i32 = 2;

/** Takes edited bytes on, in order. */
export type Sink = (at: usize, bytes: u32) => void;

/** What of the slice that is being read is to be passed on, as far as it has not been yet. */
const output = new TextBuffer(OUTPUT_BYTES);

export class ResponseEdits {
  /** The slice has bytes that are left out. */
  isTouched: bool = false;
  /** Bytes of a value are being left out. */
  isLeavingOut: bool = false;
  /** Something that was to be edited could not be read. */
  hasMissed: bool = false;

  private readonly texts: StaticArray<TextBuffer> = new StaticArray<TextBuffer>(MEMBERS);
  private sink: Sink = nowhere;
  /** Up to here the slice has been passed on. */
  private at: usize = 0;

  constructor() {
    for (let i = 0; i < MEMBERS; i++) this.texts[i] = new TextBuffer(EDIT_TEXT_BYTES_MAX);
  }

  begin(): void {
    this.isTouched = false;
    this.isLeavingOut = false;
    this.hasMissed = false;
    for (let i = 0; i < MEMBERS; i++) unchecked(this.texts[i]).clear();
  }

  /** Replaces a member's values by a JSON text, which is copied; false when it is too long. */
  replace(member: i32, text: usize, bytes: u32): bool {
    const into = unchecked(this.texts[member]);
    into.clear();
    into.add(text, bytes);
    return into.bytes === bytes;
  }

  replaceByNumber(member: i32, value: u32): void {
    const into = unchecked(this.texts[member]);
    into.clear();
    into.addInteger(value);
  }

  replaces(member: i32): bool {
    return unchecked(this.texts[member]).bytes > 0;
  }

  /** A slice is about to be read, whose edited bytes are for `sink`. */
  beginSlice(slice: usize, sink: Sink): void {
    this.sink = sink;
    this.at = slice;
    this.isTouched = this.isLeavingOut;
  }

  /** A value of the member begins. */
  leaveOut(member: i32, at: usize): void {
    if (this.isLeavingOut || !this.replaces(member)) return;
    this.isLeavingOut = true;
    this.isTouched = true;
    this.pass(this.at, (at - this.at) as u32);
    const text = unchecked(this.texts[member]);
    this.pass(text.at, text.bytes);
  }

  /** The value has ended before `at`. */
  resume(at: usize): void {
    if (!this.isLeavingOut) return;
    this.isLeavingOut = false;
    this.at = at;
  }

  /** The slice has been read to its end: what is left of it is passed on. */
  endSlice(end: usize): void {
    if (!this.isLeavingOut) this.pass(this.at, (end - this.at) as u32);
    this.flush();
  }

  private pass(at: usize, bytes: u32): void {
    if (bytes > output.room) this.flush();
    if (bytes > output.room) this.sink(at, bytes);
    else output.add(at, bytes);
  }

  private flush(): void {
    if (output.bytes > 0) this.sink(output.at, output.bytes);
    output.clear();
  }
}

function nowhere(_at: usize, _bytes: u32): void {}
