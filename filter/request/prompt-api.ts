// Which API a path belongs to, as model servers match it: percent-decoded, to the letter.
import { hexDigit } from "../json/escapes.ts";

export const API_NONE: u32 = 0;
export const API_CHAT: u32 = 1;
export const API_COMPLETIONS: u32 = 2;
export const API_RESPONSES: u32 = 3;
export const API_MESSAGES: u32 = 4;
export const API_EMBEDDINGS: u32 = 5;
export const API_VLLM_GENERATE: u32 = 6;
export const API_SGLANG_GENERATE: u32 = 7;

/** Longer suffixes stand before the shorter ones that they end with. */
const SUFFIXES: StaticArray<string> = [
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/responses",
  "/v1/messages",
  "/v1/embeddings",
  "/inference/v1/generate",
  "/generate",
];

/** Whether an answer is generated, for which the prompt can be read elsewhere before. */
export function generates(api: u32): bool {
  return api !== API_NONE && api !== API_EMBEDDINGS;
}

const QUESTION_MARK: u8 = 0x3f;
const HASH_SIGN: u8 = 0x23;
const PERCENT: u8 = 0x25;

/** The end of a path, decoded: as long as the longest suffix. */
const DECODED_BYTES: u32 = 32;
const decoded: usize = heap.alloc(DECODED_BYTES);

/** The API by the path's longest known suffix, whatever stands before it; the query is ignored. */
export function apiOf(path: usize, bytes: u32): u32 {
  let length: u32 = 0;
  let isEncoded = false;
  while (length < bytes && !endsPath(load<u8>(path + length))) {
    if (load<u8>(path + length) === PERCENT) isEncoded = true;
    length++;
  }
  if (!isEncoded) return bySuffix(path, length);
  const decodedBytes = decodeEnd(path, length);
  return bySuffix(decoded + DECODED_BYTES - decodedBytes, decodedBytes);
}

const MODEL_LIST: string = "/v1/models";

/** Whether the path is that of the list of models, whatever stands before it. */
export function isModelList(path: usize, bytes: u32): bool {
  let length: u32 = 0;
  while (length < bytes && !endsPath(load<u8>(path + length))) length++;
  return endsWith(path, length, MODEL_LIST);
}

function bySuffix(path: usize, bytes: u32): u32 {
  for (let index = 0; index < SUFFIXES.length; index++) {
    if (endsWith(path, bytes, unchecked(SUFFIXES[index]))) return (index as u32) + 1;
  }
  return API_NONE;
}

/** Decodes a path from its end into the end of the buffer, as far as there is room. */
function decodeEnd(path: usize, bytes: u32): u32 {
  let count: u32 = 0;
  while (bytes > 0 && count < DECODED_BYTES) {
    let byte = load<u8>(path + bytes - 1);
    let taken: u32 = 1;
    if (bytes >= 3 && load<u8>(path + bytes - 3) === PERCENT) {
      const high = hexDigit(load<u8>(path + bytes - 2));
      const low = hexDigit(byte);
      if ((high | low) < 16) {
        byte = ((high << 4) | low) as u8;
        taken = 3;
      }
    }
    bytes -= taken;
    count++;
    store<u8>(decoded + DECODED_BYTES - count, byte);
  }
  return count;
}

function endsPath(byte: u8): bool {
  return byte === QUESTION_MARK || byte === HASH_SIGN;
}

function endsWith(path: usize, bytes: u32, suffix: string): bool {
  if (bytes < (suffix.length as u32)) return false;
  const start = path + bytes - suffix.length;
  for (let at = 0; at < suffix.length; at++) {
    if (load<u8>(start + at) !== (suffix.charCodeAt(at) as u8)) return false;
  }
  return true;
}
