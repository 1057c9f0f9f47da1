// Base64 (RFC 4648), both alphabets, padded or not.

const NOT_BASE64: u32 = 0xff;
const PADDING: u8 = 0x3d;

/** By byte: the six bits it stands for, or NOT_BASE64. */
const DIGITS: usize = digits();

function digits(): usize {
  const table = heap.alloc(256);
  memory.fill(table, NOT_BASE64 as u8, 256);
  for (let index: u32 = 0; index < 26; index++) {
    store<u8>(table + 0x41 + index, index as u8);
    store<u8>(table + 0x61 + index, (26 + index) as u8);
  }
  for (let index: u32 = 0; index < 10; index++) store<u8>(table + 0x30 + index, (52 + index) as u8);
  store<u8>(table + 0x2b, 62);
  store<u8>(table + 0x2d, 62);
  store<u8>(table + 0x2f, 63);
  store<u8>(table + 0x5f, 63);
  return table;
}

/** What `decodeBase64` answers for text that is not base64. */
export const BASE64_INVALID: u32 = 0xffffffff;

/**
 * Decodes `bytes` bytes of text at `source` to `target`, which may be `source` itself. Answers how
 * many bytes it wrote, or BASE64_INVALID.
 */
export function decodeBase64(source: usize, bytes: u32, target: usize): u32 {
  while (bytes !== 0 && load<u8>(source + bytes - 1) === PADDING) bytes--;
  if (bytes % 4 === 1) return BASE64_INVALID;
  const start = target;
  let bits: u32 = 0;
  let held: u32 = 0;
  for (let at: u32 = 0; at < bytes; at++) {
    const digit: u32 = load<u8>(DIGITS + load<u8>(source + at));
    if (digit === NOT_BASE64) return BASE64_INVALID;
    bits = (bits << 6) | digit;
    held += 6;
    if (held >= 8) {
      held -= 8;
      store<u8>(target++, (bits >>> held) as u8);
    }
  }
  return (target - start) as u32;
}
