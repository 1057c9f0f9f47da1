// What a text may begin with before its first token.
import { isSpace } from "./scan.ts";

const BYTE_ORDER_MARK: u32 = 0xbfbbef;
export const BYTE_ORDER_MARK_BYTES: u32 = 3;

/** A byte of UTF-8's byte order mark. */
export function byteOrderMark(index: u32): u8 {
  return ((BYTE_ORDER_MARK >>> (8 * index)) & 0xff) as u8;
}

/** Whether a byte that cannot be JSON may be of a mark or of a character of UTF-16 or UTF-32. */
export function mayBeWide(byte: u8, offset: u32): bool {
  return offset < 4 && (byte === 0 || byte >= 0xfe);
}

/** Bytes that tell an object in UTF-16 or UTF-32 from other data; no shorter one has a member. */
export const HEAD_BYTES: u32 = 8;

/** What a chunk has of a text's first bytes, as a number with the first one lowest. */
export function headPart(before: u32, source: usize, bytes: u32): u64 {
  const wanted = min(bytes, HEAD_BYTES - before);
  let head: u64 = 0;
  for (let at: u32 = 0; at < wanted; at++) {
    head |= (load<u8>(source + at) as u64) << (8 * (before + at));
  }
  return head;
}

/**
 * Whether a text is JSON in UTF-16 or UTF-32, by its first eight bytes, the first one lowest. Python
 * tells them apart by their zeros (json.detect_encoding), which other formats begin with as well; an
 * object begins with two characters of ASCII.
 */
export function isWideObject(head: u64): bool {
  const mark = (head & 0xffff) as u32;
  if (mark === 0xfeff || mark === 0xfffe || (head & 0xffffffff) === 0xfffe0000) return true;
  if ((head & 0x00ff00ff) === 0 && beginsJson(((head >>> 8) & 0xff) as u8)) return true;
  if ((head & 0xff00ff00) === 0 && beginsJson((head & 0xff) as u8)) return true;
  const isOfFour = ((head | (head >>> 32)) & 0x00ffffff) === 0;
  return isOfFour && beginsJson(((head >>> 24) & 0xff) as u8);
}

/** White space, or the bracket of an object or a list. */
function beginsJson(byte: u8): bool {
  return byte === 0x7b || byte === 0x5b || isSpace(byte);
}
