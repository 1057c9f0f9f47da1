// What the control plane is told of a request that has ended.
import * as wire from "../../protocol/records.ts";
import { outbox } from "../hints/sharing.ts";
import { Request } from "./live.ts";
import { noteSample } from "./usage-sample.ts";

export function report(request: Request, atMs: f64): void {
  const at = outbox.addDone();
  if (at === 0) return;
  const usage = request.usage;
  const told = request.readsUsage;
  const isStreamed = (request.doneFlags & wire.DONE_FLAG_STREAMED) !== 0;
  if (told && isStreamed && !request.expectsUsage && request.isComplete) {
    noteSample(usage.promptTokens !== wire.NO_COUNT);
  }
  request.doneFlags |= request.transfer.doneFlags;
  if (request.isUnread) request.doneFlags |= wire.DONE_FLAG_UNREAD;
  const firstByteMs = request.hasFirstByte ? request.firstByteMs - request.startedMs : 0;
  store<u32>(at, request.destinationCount > 0 ? request.slot : wire.NO_SLOT);
  store<u32>(at + wire.DONE_STATUS, request.status);
  store<u32>(at + wire.DONE_FLAGS, request.doneFlags);
  store<u32>(at + wire.DONE_PROMPT_BYTES, request.wish.promptBytes);
  store<u32>(at + wire.DONE_MATCHED_BYTES, request.matchedBytes);
  store<u32>(at + wire.DONE_PROMPT_TOKENS, told ? usage.promptTokens : wire.NO_COUNT);
  store<u32>(at + wire.DONE_CACHED_TOKENS, told ? usage.cachedTokens : wire.NO_COUNT);
  store<u32>(at + wire.DONE_COMPLETION_TOKENS, told ? usage.completionTokens : wire.NO_COUNT);
  store<u32>(at + wire.DONE_FIRST_BYTE_MS, <u32>max(0, firstByteMs));
  store<u32>(at + wire.DONE_TOTAL_MS, <u32>max(0, atMs - request.startedMs));
  store<u64>(at + wire.DONE_MODEL_LOW, request.wish.modelName);
  store<u32>(at + wire.DONE_STAGE, request.stage);
  store<u32>(at + wire.DONE_POOL, request.pool);
  store<u32>(at + wire.DONE_AHEAD_BYTES, <u32>min(request.aheadBytes, <f64>u32.MAX_VALUE));
  store<u32>(at + wire.DONE_PICKED_SLOT, request.pickedSlot);
  store<u32>(at + wire.DONE_PICKED_MATCHED_BYTES, request.pickedMatchedBytes);
  store<u32>(at + wire.DONE_REASON, request.reason);
  store<i32>(at + wire.DONE_PRIORITY, request.wish.priority);
}
