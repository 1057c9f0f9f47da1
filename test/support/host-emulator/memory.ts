import { UnexpectedHostCall } from "./errors.ts";

/** Bytes the host has handed over and the filter may read: where, and how many. */
interface Handed {
  readonly pointer: number;
  readonly bytes: number;
}

const POISON = 0xdd;

/**
 * A filter's linear memory. Every access is checked against its size, and everything is copied at
 * once, because the filter may hand out the same scratch buffer again at its next host call.
 */
export class Memory {
  readonly #memory: WebAssembly.Memory;
  readonly #allocate: (bytes: number) => number;
  /** Bytes that host calls have copied into this memory or out of it. */
  copiedBytes = 0;
  #view: Buffer;
  #handed: Handed | undefined;

  constructor(memory: WebAssembly.Memory, allocate: (bytes: number) => number) {
    this.#memory = memory;
    this.#allocate = allocate;
    this.#view = Buffer.from(memory.buffer);
  }

  /** The memory as it is at this moment: growth replaces the buffer below it. */
  get #bytes(): Buffer {
    if (this.#view.buffer !== this.#memory.buffer) {
      this.#view = Buffer.from(this.#memory.buffer);
    }
    return this.#view;
  }

  get bytes(): number {
    return this.#memory.buffer.byteLength;
  }

  text(pointer: number, bytes: number): string {
    const start = this.#checked(pointer, bytes);
    this.copiedBytes += bytes;
    return this.#bytes.toString("utf8", start, start + bytes);
  }

  /** One character a byte, so that keys of any bytes stay distinct. */
  binaryText(pointer: number, bytes: number): string {
    const start = this.#checked(pointer, bytes);
    this.copiedBytes += bytes;
    return this.#bytes.toString("latin1", start, start + bytes);
  }

  copy(pointer: number, bytes: number): Uint8Array {
    const start = this.#checked(pointer, bytes);
    this.copiedBytes += bytes;
    const copied = new Uint8Array(bytes);
    copied.set(this.#bytes.subarray(start, start + bytes));
    return copied;
  }

  write(pointer: number, value: Uint8Array): void {
    this.#bytes.set(value, this.#checked(pointer, value.length));
  }

  writeU32(pointer: number, value: number): void {
    this.#bytes.writeUInt32LE(value >>> 0, this.#checked(pointer, 4));
  }

  writeU64(pointer: number, value: bigint): void {
    this.#bytes.writeBigUInt64LE(BigInt.asUintN(64, value), this.#checked(pointer, 8));
  }

  /**
   * Hands a value to the filter in memory of the filter's own allocation, and writes its pointer
   * and size. An empty value is pointer 0 and size 0, with nothing allocated.
   */
  hand(value: Uint8Array, pointerPointer: number, sizePointer: number): void {
    let pointer = 0;
    if (value.length > 0) {
      pointer = this.#allocate(value.length) >>> 0;
      if (pointer === 0) {
        throw new UnexpectedHostCall(`malloc(${value.length}) of the filter returned 0`);
      }
      this.write(pointer, value);
      this.copiedBytes += value.length;
      this.#handed = { pointer, bytes: value.length };
    }
    this.writeU32(pointerPointer, pointer);
    this.writeU32(sizePointer, value.length);
  }

  /** What was handed over last, to be spoilt after the next host call. */
  takeHanded(): Handed | undefined {
    const handed = this.#handed;
    this.#handed = undefined;
    return handed;
  }

  /** Overwrites what an earlier host call handed over, except what the latest one put there. */
  spoil(earlier: Handed): void {
    const latest = this.#handed;
    let start = earlier.pointer;
    if (latest && latest.pointer < earlier.pointer + earlier.bytes) {
      start = Math.max(start, latest.pointer + latest.bytes);
    }
    const end = earlier.pointer + earlier.bytes;
    if (start < end) {
      this.#bytes.fill(POISON, start, end);
    }
  }

  #checked(pointer: number, bytes: number): number {
    const start = pointer >>> 0;
    if (bytes < 0 || start + bytes > this.bytes) {
      throw new UnexpectedHostCall(
        `${bytes >>> 0} bytes at ${start} are outside the filter's ${this.bytes} bytes of memory`,
      );
    }
    return start;
  }
}
