// The body of a response, read for its token counts and edited where its request asks for that. As the
// host changes a buffer at its ends only, a chunk passes from the buffer's front to its end.
import { counters } from "../hints/counters.ts";
import {
  append,
  bufferAt,
  dropFront,
  RESPONSE_BODY,
  readBuffer,
  SLICE_BYTES,
} from "../host/buffers.ts";
import { RESPONSE_HEADERS, removeHeader } from "../host/headers.ts";
import { Text } from "../host/memory.ts";
import { Request } from "./live.ts";
import { ResponseEdits } from "./response-edits.ts";

const CONTENT_LENGTH = new Text("content-length");
/** Those that no request needs at the moment. */
const spare: ResponseEdits[] = [];
/** Bytes in the host's buffer. */
let total: u32 = 0;

/** The request's edits, made on the first call. */
export function editsOf(request: Request): ResponseEdits {
  const known = request.edits;
  if (known !== null) return known;
  const edits = spare.length > 0 ? spare.pop() : new ResponseEdits();
  edits.begin();
  request.edits = edits;
  return edits;
}

/** The response passes as it is from here on; `hasMissed` where it should not. */
export function dropEdits(request: Request, hasMissed: bool): void {
  const edits = request.edits;
  if (edits === null) return;
  if (hasMissed || edits.hasMissed) counters.responsesUnedited++;
  request.edits = null;
  spare.push(edits);
}

/** The response will be edited: how long it will be is not known. */
export function openToEdits(): void {
  removeHeader(RESPONSE_HEADERS, CONTENT_LENGTH);
}

/** Takes the next `bytes` bytes, of which none has passed yet. */
export function readResponse(request: Request, bytes: u32): void {
  const edits = request.edits;
  if (edits !== null) {
    editChunk(request, edits, bytes);
    return;
  }
  for (let start: u32 = 0; start < bytes; ) {
    const read = readBuffer(RESPONSE_BODY, start, min(SLICE_BYTES, bytes - start));
    if (read === 0) return;
    request.usage.read(bufferAt(), read);
    start += read;
  }
}

function editChunk(request: Request, edits: ResponseEdits, bytes: u32): void {
  total = bytes;
  for (let start: u32 = 0; start < bytes; ) {
    const read = readBuffer(RESPONSE_BODY, 0, min(SLICE_BYTES, bytes - start));
    if (read === 0) return;
    edits.beginSlice(bufferAt(), appendToResponse);
    request.usage.read(bufferAt(), read);
    if (read === bytes && !edits.isTouched) return;
    edits.endSlice(bufferAt() + read);
    dropFront(RESPONSE_BODY, read);
    total -= read;
    start += read;
  }
}

function appendToResponse(at: usize, bytes: u32): void {
  append(RESPONSE_BODY, total, at, bytes);
  total += bytes;
}
