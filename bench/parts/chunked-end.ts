// Where a body in HTTP's chunked coding ends, however its bytes are cut into reads.

const END = "\r\n0\r\n\r\n";

export class ChunkedEnd {
  #tail = "\r\n";

  /** Takes the next bytes of the body; whether they are its last. Texts of our own hold no such end. */
  take(bytes: Buffer, count = bytes.length): boolean {
    const tail = bytes.toString("latin1", Math.max(0, count - END.length), count);
    this.#tail = (this.#tail + tail).slice(-END.length);
    return this.#tail === END;
  }
}
