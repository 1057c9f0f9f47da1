// The size of a prompt's blocks, the same in all pools: their caches share one index. Where all caches
// together hold more blocks than the index may have keys, blocks are doubled.
import { BLOCK_BYTES_MAX } from "../../protocol/limits.ts";

export interface BlockSizeLimits {
  /** The smallest block. */
  bytesMin: number;
  /** Keys that the index may hold over all pools. */
  keysMax: number;
}

export interface BlockSizeOptions extends BlockSizeLimits {
  /** The size that was in force before, if that is known. */
  lastKnownBytes: number | null;
}

export class BlockSize {
  #limits: BlockSizeLimits;
  #bytes: number;

  constructor(options: BlockSizeOptions) {
    this.#limits = options;
    this.#bytes = firstBlockBytes(options.bytesMin, options.lastKnownBytes);
  }

  get bytesMin(): number {
    return this.#limits.bytesMin;
  }

  /** Holds from the next `fit` on. */
  setLimits(limits: BlockSizeLimits): void {
    this.#limits = limits;
  }

  /** Prompt bytes of a block, of which each has a key. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Follows what all caches hold, in prompt bytes. Until `isCertain`, that is not known well enough for
   * smaller blocks. Answers whether another size is in force.
   */
  fit(cachedBytes: number, isCertain: boolean): boolean {
    const { bytesMin, keysMax } = this.#limits;
    const before = this.#bytes;
    const current = firstBlockBytes(bytesMin, before);
    const fitting = fittingBlockBytes(cachedBytes, keysMax, bytesMin, current);
    if (current === before && fitting < before && !isCertain) return false;
    this.#bytes = fitting;
    return fitting !== before;
  }
}

/** The size to begin with: the one known before where doubling `leastBytes` leads to it. */
export function firstBlockBytes(leastBytes: number, lastKnown: number | null): number {
  for (let bytes = leastBytes; bytes <= BLOCK_BYTES_MAX; bytes *= 2) {
    if (bytes === lastKnown) return bytes;
  }
  return leastBytes;
}

/** A smaller block must leave the index this full at most, or it would soon be doubled again. */
const SHRINK_SHARE = 0.75;

/**
 * Bytes of a block with which the blocks of all caches fit an index of `keysMax` keys: `leastBytes`
 * doubled as often as that takes, up to BLOCK_BYTES_MAX. Another size makes all known keys worthless,
 * so it changes late: `current` stays while it fits and half of it would not fit with room to spare.
 */
export function fittingBlockBytes(
  cachedBytes: number,
  keysMax: number,
  leastBytes: number,
  current: number,
): number {
  let blockBytes = current;
  while (cachedBytes / blockBytes > keysMax && blockBytes * 2 <= BLOCK_BYTES_MAX) blockBytes *= 2;
  if (blockBytes > current) return blockBytes;
  const shrunk = keysMax * SHRINK_SHARE;
  while (blockBytes > leastBytes && cachedBytes / (blockBytes / 2) <= shrunk) blockBytes /= 2;
  return blockBytes;
}
