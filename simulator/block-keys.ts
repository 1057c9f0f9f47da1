import { outputBytes, type Prompt, TOKEN_BYTES } from "./tokens.ts";

/**
 * Keys of a sequence's whole blocks. As in vLLM a key covers everything up to the end of its block,
 * so two sequences share a key exactly when they share the prefix, the adapter and the cache salt.
 */
export interface BlockKeys {
  keys: number[];
  /** Depends on every byte of the prompt; draws the words of the answer. */
  fingerprint: number;
  /** Keys of the blocks that follow `keys` once `tokenCount` tokens have been computed. */
  following(tokenCount: number): number[];
}

export function blockKeys(prompt: Prompt, seedText: string, blockTokens: number): BlockKeys {
  const blockBytes = blockTokens * TOKEN_BYTES;
  const seed = chain(0, words(Buffer.from(seedText)));
  const { keys, last, rest } = wholeBlocks(seed, prompt.bytes, blockBytes);
  const fingerprint = chain(last, words(rest));
  return {
    keys,
    fingerprint,
    following(tokenCount) {
      const blocks = Math.floor(tokenCount / blockTokens) - keys.length;
      if (blocks <= 0) return [];
      const made = outputBytes(prompt.kind, fingerprint, tokenCount - prompt.tokenCount + 1);
      const grown = wholeBlocks(last, Buffer.concat([rest, made]), blockBytes);
      return grown.keys.slice(0, blocks);
    },
  };
}

function wholeBlocks(seed: number, bytes: Uint8Array, blockBytes: number) {
  const count = Math.floor(bytes.length / blockBytes);
  const blockWords = blockBytes / 4;
  const all = words(bytes);
  const keys = new Array<number>(count);
  let last = seed;
  for (let block = 0; block < count; block++) {
    last = chain(last, all, block * blockWords, (block + 1) * blockWords);
    keys[block] = last;
  }
  return { keys, last, rest: bytes.subarray(count * blockBytes) };
}

/** The bytes as 32-bit words, the last one filled with zeros. */
function words(bytes: Uint8Array): Int32Array {
  if (bytes.byteOffset % 4 === 0 && bytes.length % 4 === 0) {
    return new Int32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  }
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  return new Int32Array(padded.buffer);
}

/** Two 32-bit lanes of multiply and rotate, read back as one 53-bit integer: a plain number. */
function chain(parent: number, input: Int32Array, from = 0, to = input.length): number {
  let low = parent | 0;
  let high = (parent / 0x1_0000_0000) | 0;
  for (let i = from; i < to; i++) {
    const word = input[i] as number;
    low = Math.imul(low ^ word, 0x9e3779b1);
    low ^= low >>> 15;
    high = Math.imul((high + word) ^ low, 0x85ebca77);
    high = (high << 13) | (high >>> 19);
  }
  low = Math.imul(low ^ (high >>> 16) ^ (to - from), 0xc2b2ae3d);
  high = Math.imul(high ^ (low >>> 13), 0x27d4eb2f);
  return ((high ^ (high >>> 15)) & 0x1f_ffff) * 0x1_0000_0000 + ((low ^ (low >>> 16)) >>> 0);
}
