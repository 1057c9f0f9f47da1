// A request that the filter answers in an endpoint's stead: counted, told to the control plane and to the
// access log with its reason, whatever that is.
import * as reasons from "../../protocol/reasons.ts";
import { DONE_FLAG_LOCAL } from "../../protocol/records.ts";
import { counters } from "../hints/counters.ts";
import { settings } from "../hints/table.ts";
import { logPick } from "./access-log.ts";
import { letGo } from "./held.ts";
import { APART, Request } from "./live.ts";
import { refuseModel } from "./model-refusal.ts";
import * as replies from "./replies.ts";

/** `reason` is a refusal. Under what its pool says, the request's model is known to no pool. */
export function refuse(request: Request, reason: u32): void {
  letGo(request);
  request.phase = APART;
  request.reason = reason;
  request.doneFlags |= DONE_FLAG_LOCAL;
  logPick(request);
  if (reason === reasons.REASON_MODEL) {
    counters.rejectedModel++;
    request.status = refuseModel(request.prompt, request.wish.modelName !== 0, request.pool);
    return;
  }
  const reply = replyTo(reason);
  request.status = reply.status;
  if (reason === reasons.REASON_TOO_LARGE) reply.sendWithNumber(settings.bodyBytesMax);
  else reply.send();
}

function replyTo(reason: u32): replies.Reply {
  switch (reason) {
    case reasons.REASON_SHED:
      counters.rejectedShed++;
      return replies.replyShed;
    case reasons.REASON_FILTERED:
      counters.rejectedSaturated++;
      return replies.replySaturated;
    case reasons.REASON_TOO_LARGE:
      counters.rejectedTooLarge++;
      return replies.replyTooLarge;
    case reasons.REASON_HELD_BYTES:
      counters.rejectedHeldBytes++;
      return replies.replyHeldBytes;
    case reasons.REASON_BAD_BODY:
      counters.rejectedBadBody++;
      return replies.replyBadBody;
    case reasons.REASON_UNREADABLE:
      counters.rejectedUnread++;
      return replies.replyUnread;
    case reasons.REASON_UNAVAILABLE:
      counters.rejectedUnavailable++;
      return replies.replyUnavailable;
    case reasons.REASON_PREFILL:
      counters.rejectedPrefill++;
      return replies.replyPrefillFailed;
    case reasons.REASON_ENCODE:
      counters.rejectedEncode++;
      return replies.replyEncodeFailed;
    default:
      counters.rejectedNoEndpoints++;
      return replies.replyNoEndpoints;
  }
}
