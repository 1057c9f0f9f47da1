// Memory that the host writes into. Whatever the host hands over stands in the scratch buffer and is
// valid until the next call to the host: nothing is allocated, nothing has to be freed.

/** Slices of bodies, headers and properties find room in this. */
const SCRATCH_BYTES: i32 = 128 * 1024;

/** What is longer finds room in this: the buffer grows once. */
let largerBytes: i32 = SCRATCH_BYTES * 2;

/**
 * Says what the longest is that is to be received. Only headers may be longer yet, where a listener
 * was told to take such.
 */
export function expectUpTo(bytes: i32): void {
  largerBytes = bytes;
}

let scratch: ArrayBuffer = new ArrayBuffer(SCRATCH_BYTES);

/** The scratch buffer as the wire's decoders read it. */
export let scratchView: DataView = new DataView(scratch);

/** Where the host writes the address and the size of what it hands over. */
export const outPointer: usize = heap.alloc(8);
export const outSize: usize = heap.alloc(8);
/** Where the host writes one number of up to eight bytes. */
export const outNumber: usize = heap.alloc(8);

/** Called by the host before it hands over `bytes` bytes. Exported to it as `malloc`. */
export function receive(bytes: usize): usize {
  if (<i32>bytes > scratch.byteLength) {
    let larger = largerBytes;
    while (larger < <i32>bytes) larger *= 2;
    scratch = new ArrayBuffer(larger);
    scratchView = new DataView(scratch);
  }
  return changetype<usize>(scratch);
}

export function receivedAt(): usize {
  return <usize>load<u32>(outPointer);
}

export function receivedBytes(): u32 {
  return load<u32>(outSize);
}

/** Forgets what was received, so that a call that hands over nothing reads as empty. */
export function receiveNothing(): void {
  store<u32>(outPointer, 0);
  store<u32>(outSize, 0);
}

/** Constant text in memory, made once at start. */
export class Text {
  at: usize;
  bytes: u32;

  constructor(text: string) {
    const encoded = String.UTF8.encode(text);
    this.at = changetype<usize>(encoded);
    this.bytes = <u32>encoded.byteLength;
  }
}

/** Whether the bytes at `at` are exactly this text. */
export function equals(at: usize, bytes: u32, text: Text): bool {
  return bytes === text.bytes && memory.compare(at, text.at, bytes) === 0;
}
