import { WasmResult } from "./abi.ts";

/** How tests write a body or a part of one. */
export type Chunk = string | Uint8Array;

export function bytesOf(chunk: Chunk): Uint8Array {
  return typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

const EMPTY = new Uint8Array(0);

/** Body bytes on their way through the filter: they grow at the end and change at the start. */
export class Body {
  #bytes: Uint8Array;
  #length: number;
  // Bytes of a test's own chunk are not written to: they may be sent again.
  #isBorrowed: boolean;

  constructor(chunk: Uint8Array = EMPTY) {
    this.#bytes = chunk;
    this.#length = chunk.length;
    this.#isBorrowed = true;
  }

  get length(): number {
    return this.#length;
  }

  /** The bytes as they are; the view ends with the next change. */
  view(start = 0, end = this.#length): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  append(chunk: Uint8Array): void {
    const length = this.#length + chunk.length;
    if (this.#isBorrowed || length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, this.#length * 2));
      grown.set(this.view());
      this.#bytes = grown;
      this.#isBorrowed = false;
    }
    this.#bytes.set(chunk, this.#length);
    this.#length = length;
  }

  /**
   * What `proxy_set_buffer_bytes` does to a body in Envoy: start 0 replaces the first `length`
   * bytes, a start at or past the end appends, and nothing else is possible
   * (source/extensions/common/wasm/context.cc, Buffer::copyFrom).
   */
  write(start: number, length: number, value: Uint8Array): number {
    if (start === 0) {
      const rest = this.view(Math.min(length, this.#length));
      const replaced = new Uint8Array(value.length + rest.length);
      replaced.set(value);
      replaced.set(rest, value.length);
      this.#bytes = replaced;
      this.#length = replaced.length;
      this.#isBorrowed = false;
      return WasmResult.Ok;
    }
    if (start < this.#length) {
      return WasmResult.BadArgument;
    }
    this.append(value);
    return WasmResult.Ok;
  }

  /** Gives the bytes away and is empty after. */
  take(): Uint8Array {
    const taken = this.view();
    this.#bytes = EMPTY;
    this.#length = 0;
    this.#isBorrowed = true;
    return taken;
  }
}
