// The model that a path names, `/v1/models/NAME`: percent-decoded, slashes included.
import { hexDigit } from "../json/escapes.ts";
import { TextHash } from "../json/text-hash.ts";

const PLACE: string = "/v1/models/";
const QUESTION_MARK: u8 = 0x3f;
const HASH_SIGN: u8 = 0x23;
const PERCENT: u8 = 0x25;

const name = new TextHash();
const decoded: usize = heap.alloc(1);

/** The hash of the name, as the control plane has it; 0 where the path names no model. */
export function modelOfPath(path: usize, bytes: u32): u64 {
  let end: u32 = 0;
  while (end < bytes && !endsPath(load<u8>(path + end))) end++;
  let at: u32 = 0;
  while (at + PLACE.length < end && !isPlace(path + at)) at++;
  at += PLACE.length;
  return at < end ? hashDecoded(path + at, end - at) : 0;
}

function isPlace(from: usize): bool {
  for (let i = 0; i < PLACE.length; i++) {
    if (load<u8>(from + i) !== <u8>PLACE.charCodeAt(i)) return false;
  }
  return true;
}

function hashDecoded(text: usize, bytes: u32): u64 {
  name.begin();
  let at: u32 = 0;
  while (at < bytes) {
    let byte = load<u8>(text + at);
    let taken: u32 = 1;
    if (byte === PERCENT && at + 3 <= bytes) {
      const high = hexDigit(load<u8>(text + at + 1));
      const low = hexDigit(load<u8>(text + at + 2));
      if ((high | low) < 16) {
        byte = ((high << 4) | low) as u8;
        taken = 3;
      }
    }
    store<u8>(decoded, byte);
    name.add(decoded, 1);
    at += taken;
  }
  return name.stripes();
}

function endsPath(byte: u8): bool {
  return byte === QUESTION_MARK || byte === HASH_SIGN;
}
