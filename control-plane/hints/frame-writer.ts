// Writes records into one frame, in a buffer that is used again for the next.
import {
  beginRecord,
  FRAME_HEADER_BYTES,
  RECORD_HEADER_BYTES,
  sealFrame,
} from "../../protocol/frame.ts";
import { FRAME_BYTES_MAX } from "../../protocol/limits.ts";

const FIRST_BYTES = 64 * 1024;

export class FrameWriter {
  #bytes = new Uint8Array(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #end = FRAME_HEADER_BYTES;

  /** Valid until the next `begin` or `append`. */
  get view(): DataView {
    return this.#view;
  }

  /** Bytes of all records so far. */
  get recordBytes(): number {
    return this.#end - FRAME_HEADER_BYTES;
  }

  /** Bytes of body that one more record may have. */
  get room(): number {
    return FRAME_BYTES_MAX - this.#end - RECORD_HEADER_BYTES;
  }

  /** Begins a record and answers where its zeroed body starts. Throws past FRAME_BYTES_MAX. */
  begin(kind: number, bytes: number): number {
    this.#reserve(RECORD_HEADER_BYTES + bytes);
    const body = beginRecord(this.#view, this.#end, kind, bytes);
    this.#bytes.fill(0, body, body + bytes);
    this.#end = body + bytes;
    return body;
  }

  /** Appends whole records as they stand. */
  append(records: Uint8Array): void {
    this.#reserve(records.length);
    this.#bytes.set(records, this.#end);
    this.#end += records.length;
  }

  writeBytes(at: number, bytes: Uint8Array): void {
    this.#bytes.set(bytes, at);
  }

  /** The finished frame as bytes of its own; the writer is empty again. */
  seal(version: number, flags: number, generation: number): Buffer {
    sealFrame(this.#view, 0, this.recordBytes, version, flags, generation, 0);
    const frame = Buffer.from(this.#bytes.subarray(0, this.#end));
    this.#end = FRAME_HEADER_BYTES;
    return frame;
  }

  #reserve(bytes: number): void {
    const needed = this.#end + bytes;
    if (needed > FRAME_BYTES_MAX) throw new RangeError(`A frame of ${needed} bytes is over limit`);
    if (needed <= this.#bytes.length) return;
    const grown = new Uint8Array(
      Math.min(FRAME_BYTES_MAX, Math.max(needed, 2 * this.#bytes.length)),
    );
    grown.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
