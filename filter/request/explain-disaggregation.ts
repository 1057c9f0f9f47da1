// Where a prompt was read and why, as a member of the explanation of decode's pick.
import { DONE_FLAG_ENCODE_FAILED, DONE_FLAG_ENCODED } from "../../protocol/encoding-records.ts";
import * as wire from "../../protocol/records.ts";
import { addressAt, addressBytes } from "../hints/table.ts";
import { Text } from "../host/memory.ts";
import { TextBuffer } from "../text-buffer.ts";
import { Request } from "./live.ts";
import { NO_ASK } from "./transfer.ts";
import { byteMsOf, transferMsOf } from "./transfer-times.ts";

const DECISION = new Text(',"disaggregation":{"decision":"');
const DECODE_ONLY = new Text('decode-only"');
const PREFILL_DECODE = new Text('prefill-decode"');
const ENCODE_DECODE = new Text('encode-decode"');
const ENCODE_PREFILL_DECODE = new Text('encode-prefill-decode"');
const ENCODERS = new Text(',"encoders":[');
const ENCODE_MS = new Text('],"encodeMs":');
const ENCODINGS_BYTES = new Text(',"encodingsBytes":');
const ENCODE_HAS_FAILED = new Text(',"encodeFailed":true');
const COMMA: u8 = 44;
const HAS_FAILED = new Text(',"prefillFailed":true');
const PREFILL = new Text(',"prefill":"');
const QUOTE: u8 = 34;
const IS_JOINED = new Text(',"isJoined":true');
const DECODE_FIRST = new Text(',"decodeFirst":"');
const CACHED = new Text('cached"');
const UNCACHED = new Text('uncached"');
const FAILED = new Text('failed"');
const PREFILL_MS = new Text(',"prefillMs":');
const TRIED = new Text(',"tried":');
const ALONE = new Text(',"aloneBytes":');
const ELSEWHERE = new Text(',"elsewhereBytes":');
const TRANSFER_MS = new Text(',"transferMs":');
const BYTE_MS = new Text(',"prefillByteMs":');
const CLOSING_BRACE: u8 = 125;

/** Adds the member before the last brace of an explanation, of a request about which was decided. */
export function explainDisaggregation(into: TextBuffer, request: Request): void {
  const transfer = request.transfer;
  const flags = transfer.doneFlags;
  if ((flags & wire.DONE_FLAG_DECIDED) === 0) return;
  into.removeLast();
  const isElsewhere = (flags & wire.DONE_FLAG_DISAGGREGATED) !== 0;
  const isEncoded = (flags & DONE_FLAG_ENCODED) !== 0;
  into.addText(DECISION);
  if (isEncoded) into.addText(isElsewhere ? ENCODE_PREFILL_DECODE : ENCODE_DECODE);
  else into.addText(isElsewhere ? PREFILL_DECODE : DECODE_ONLY);
  if (isEncoded) explainEncoders(into, request);
  if ((flags & wire.DONE_FLAG_PREFILL_FAILED) !== 0) into.addText(HAS_FAILED);
  if ((flags & wire.DONE_FLAG_TRANSFERRED) !== 0) {
    into.addText(PREFILL);
    into.add(addressAt(transfer.prefill), addressBytes(transfer.prefill));
    into.addByte(QUOTE);
  }
  if (transfer.isJoined) into.addText(IS_JOINED);
  if (transfer.asked !== NO_ASK) {
    into.addText(DECODE_FIRST);
    into.addText(endOfAsk(transfer.asked));
  }
  if (isElsewhere) {
    // Of a prefill that has not ended nothing is known.
    if (!transfer.isJoined) add(into, PREFILL_MS, transfer.prefillMs);
    add(into, TRIED, <f64>transfer.tried);
  }
  if (transfer.aloneBytes > 0) {
    add(into, ALONE, transfer.aloneBytes);
    add(into, ELSEWHERE, transfer.elsewhereBytes);
    add(into, TRANSFER_MS, transferMsOf(request.pool));
    add(into, BYTE_MS, byteMsOf(request.pool));
  }
  into.addByte(CLOSING_BRACE);
  into.addByte(CLOSING_BRACE);
}

function endOfAsk(outcome: u32): Text {
  if (outcome === wire.LEG_CACHED) return CACHED;
  return outcome === wire.LEG_UNCACHED ? UNCACHED : FAILED;
}

/** The encoders that were asked. */
function explainEncoders(into: TextBuffer, request: Request): void {
  const transfer = request.transfer;
  if ((transfer.doneFlags & DONE_FLAG_ENCODE_FAILED) !== 0) into.addText(ENCODE_HAS_FAILED);
  into.addText(ENCODERS);
  for (let i = 0; i < transfer.askedCount; i++) {
    const slot = <u32>unchecked(transfer.encoders[i]);
    if (i > 0) into.addByte(COMMA);
    into.addByte(QUOTE);
    into.add(addressAt(slot), addressBytes(slot));
    into.addByte(QUOTE);
  }
  add(into, ENCODE_MS, transfer.encodeMs);
  add(into, ENCODINGS_BYTES, <f64>transfer.encodingsBytes);
}

function add(into: TextBuffer, name: Text, value: f64): void {
  into.addText(name);
  into.addNumber(value);
}
