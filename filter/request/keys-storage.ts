// Memory for the few prompts that need more than every prompt has: blocks of three sizes, handed
// out and taken back, never returned to the allocator. The most that exist at once is the most that
// were ever needed at once.

/** Sizes: 4 KiB, 16 KiB, 64 KiB. */
const STORAGE_CLASSES: u32 = 3;
const SMALLEST_BYTES: u32 = 4096;

/** The first free block of each size; a free block begins with the address of the next. */
const FREE: usize = emptyLists();

function emptyLists(): usize {
  const lists = heap.alloc(STORAGE_CLASSES * 4);
  memory.fill(lists, 0, STORAGE_CLASSES * 4);
  return lists;
}

function storageBytes(storageClass: u32): u32 {
  return SMALLEST_BYTES << (2 * storageClass);
}

function takeStorage(storageClass: u32): usize {
  const list = FREE + storageClass * 4;
  const block: usize = load<u32>(list);
  if (block === 0) return heap.alloc(storageBytes(storageClass));
  store<u32>(list, load<u32>(block));
  return block;
}

function giveStorage(block: usize, storageClass: u32): void {
  const list = FREE + storageClass * 4;
  store<u32>(block, load<u32>(list));
  store<u32>(list, block as u32);
}

/** An array of bytes that starts inside its owner's own memory and moves to storage as it grows. */
export class Growing {
  start: usize;
  capacity: u32;
  private readonly own: usize;
  private readonly ownBytes: u32;
  /** Size class in use plus one; zero: the owner's own memory. */
  private taken: u32 = 0;

  constructor(ownBytes: u32) {
    this.own = heap.alloc(ownBytes);
    this.ownBytes = ownBytes;
    this.start = this.own;
    this.capacity = ownBytes;
  }

  /** Makes room for more than `used` bytes. Answers false when the largest size is in use. */
  grow(used: u32): bool {
    if (this.taken === STORAGE_CLASSES) return false;
    const larger = takeStorage(this.taken);
    memory.copy(larger, this.start, used);
    const storageClass = this.taken;
    if (storageClass !== 0) giveStorage(this.start, storageClass - 1);
    this.start = larger;
    this.capacity = storageBytes(storageClass);
    this.taken = storageClass + 1;
    return true;
  }

  /** Goes back to the owner's own memory; what was stored is forgotten. */
  shrink(): void {
    if (this.taken === 0) return;
    giveStorage(this.start, this.taken - 1);
    this.start = this.own;
    this.capacity = this.ownBytes;
    this.taken = 0;
  }
}
