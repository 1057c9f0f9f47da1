// What a text may begin with before its first token.

const BYTE_ORDER_MARK: u32 = 0xbfbbef;
export const BYTE_ORDER_MARK_BYTES: u32 = 3;

/** A byte of UTF-8's byte order mark. */
export function byteOrderMark(index: u32): u8 {
  return ((BYTE_ORDER_MARK >>> (8 * index)) & 0xff) as u8;
}

/** Whether a byte that cannot be JSON shows that the text is UTF-16 or UTF-32. */
export function isWideEncoding(byte: u8, offset: u32): bool {
  // Each has a mark or a zero among its first four bytes.
  return offset < 4 && (byte === 0 || byte >= 0xfe);
}
