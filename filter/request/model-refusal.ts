// What a request gets whose model no pool serves.
import { bufferAt, REQUEST_BODY, readBuffer } from "../host/buffers.ts";
import { NO_SUCH_MODEL } from "./pool-choice.ts";
import { Prompt } from "./prompt.ts";
import { replyNoSuchModel, replyUnknownModel, SHOWN_BYTES_MAX } from "./replies.ts";

/** `found` is NO_SUCH_MODEL or UNKNOWN_MODEL. Answers the status. */
export function refuseModel(prompt: Prompt, isInBody: bool, found: u32): u32 {
  // Elsewhere the path names it, which need not be fit for JSON.
  if (found === NO_SUCH_MODEL) return isInBody ? repeatName(prompt) : refuseUnnamed();
  replyUnknownModel.send();
  return replyUnknownModel.status;
}

function refuseUnnamed(): u32 {
  replyNoSuchModel.sendWith(0, 0);
  return replyNoSuchModel.status;
}

/** Repeats the name as the body spells it, which is within JSON quotes there too. */
function repeatName(prompt: Prompt): u32 {
  const start = prompt.modelStart + 1;
  const bytes = prompt.modelEnd - start - 1;
  const read = bytes > SHOWN_BYTES_MAX ? 0 : readBuffer(REQUEST_BODY, start, bytes);
  replyNoSuchModel.sendWith(bufferAt(), read);
  return replyNoSuchModel.status;
}
