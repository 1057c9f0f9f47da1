// The held body of a request, edited: it passes slice by slice from the buffer's front to its end, so
// that a large one needs no more memory than a small one.
//
//   | rest of the body | edited so far |      front ──▶ edits ──▶ end, until all has passed
import { counters } from "../hints/counters.ts";
import {
  append,
  bufferAt,
  dropFront,
  putInFront,
  REQUEST_BODY,
  readBuffer,
  SLICE_BYTES,
} from "../host/buffers.ts";
import { REQUEST_HEADERS, setHeader } from "../host/headers.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";
import { BodyEdits } from "./body-edits.ts";
import { Request } from "./live.ts";
import { Prompt } from "./prompt.ts";

const CONTENT_LENGTH = new Text("content-length");
const COMMA: u8 = 44;

/** Of the body whose callback is running. */
export const edits = new BodyEdits();
const length = new TextBuffer(20);

/** Begins with what of the body is to be blanked: members that only the gateway may set. */
export function beginEdits(prompt: Prompt): void {
  edits.begin();
  const count = prompt.stripCount;
  for (let i: u32 = 0; i < count; i++) edits.blank(prompt.stripStart(i), prompt.stripEnd(i));
  counters.membersStripped += count;
}

/** Makes the edits in the held body of `bytes` bytes, once; answers how many it has then. */
export function applyEdits(request: Request, bytes: u32): u32 {
  if (edits.count === 0) return bytes;
  let total = bytes;
  for (let start: u32 = 0; start < bytes; ) {
    const read = readBuffer(REQUEST_BODY, 0, min(SLICE_BYTES, bytes - start));
    if (read === 0) return total;
    dropFront(REQUEST_BODY, read);
    total -= read;
    while (edits.nextPiece(bufferAt(), start, start + read)) {
      append(REQUEST_BODY, total, edits.pieceAt, edits.pieceBytes);
      total += edits.pieceBytes;
    }
    start += read;
  }
  edits.begin();
  if (total !== bytes) tellLength(request, total);
  return total;
}

/** Makes the edits of the body whose callback is running: what is made of the body has them. */
export function editOnce(request: Request): void {
  if (request.transfer.isEdited) return;
  request.transfer.isEdited = true;
  request.bodyBytes = applyEdits(request, request.heldBytes);
}

/**
 * Puts members in front of the held body's own. The text begins with the body's brace, and has room for
 * a byte behind: the rest of the body stays where it is.
 */
export function beginWith(request: Request, text: usize, bytes: u32): void {
  const transfer = request.transfer;
  store<u8>(text + bytes, COMMA);
  const total = transfer.bodyHasMembers ? bytes + 1 : bytes;
  putInFront(transfer.bodyStart, text, total);
  request.bodyBytes += total - transfer.bodyStart;
  tellLength(request, request.bodyBytes);
}

/** The headers are held still. */
function tellLength(request: Request, bytes: u32): void {
  if (!request.tellsLength) return;
  length.clear();
  length.addInteger(bytes);
  setHeader(REQUEST_HEADERS, CONTENT_LENGTH, length.at, length.bytes);
}
