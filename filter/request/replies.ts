// Answers the filter gives itself: JSON errors in the shape OpenAI's clients parse.
import { Text } from "../host/memory.ts";
import { respond } from "../host/stream.ts";
import { TextBuffer } from "../text-buffer.ts";

const CONTENT_TYPE = new Text("content-type");
const JSON_TYPE = new Text("application/json");
const DROPPED_REASON = new Text("x-llm-d-request-dropped-reason");
const RETRY_AFTER = new Text("retry-after");
const ONE = new Text("1");

export class Reply {
  details: Text;
  body: Text;
  headers: TextBuffer = new TextBuffer(256);

  constructor(
    public status: u32,
    type: string,
    code: string,
    message: string,
    extra: StaticArray<Text>,
  ) {
    this.details = new Text("hintway_" + code);
    this.body = new Text(
      '{"error":{"message":"' +
        message +
        '","type":"' +
        type +
        '","param":null,"code":"' +
        code +
        '"}}',
    );
    const pairs = new StaticArray<Text>(2 + extra.length);
    pairs[0] = CONTENT_TYPE;
    pairs[1] = JSON_TYPE;
    for (let i = 0; i < extra.length; i++) pairs[2 + i] = extra[i];
    this.headers.addPairs(pairs);
  }

  send(): void {
    this.sendBody(this.body.at, this.body.bytes);
  }

  sendBody(at: usize, bytes: u32): void {
    respond(this.status, this.details, at, bytes, this.headers.at, this.headers.bytes);
  }

  /** A text takes the place of the mark in the message. */
  sendWith(text: usize, textBytes: u32): void {
    filled.clear();
    for (let i: u32 = 0; i < this.body.bytes; i++) {
      const byte = load<u8>(this.body.at + i);
      if (byte === MARK) filled.add(text, textBytes);
      else filled.addByte(byte);
    }
    this.sendBody(filled.at, filled.bytes);
  }

  sendWithNumber(value: u32): void {
    number.clear();
    number.addInteger(value);
    this.sendWith(number.at, number.bytes);
  }
}

const MARK: u8 = 35;
const number = new TextBuffer(20);
/** Of a model's name as the request spells it; a longer one is not repeated to the client. */
export const SHOWN_BYTES_MAX: u32 = 256;
const filled = new TextBuffer(512 + SHOWN_BYTES_MAX);

const NONE: StaticArray<Text> = [];
const NO_ENDPOINTS: StaticArray<Text> = [DROPPED_REASON, new Text("rejected-no-endpoints")];
const SATURATED: StaticArray<Text> = [
  DROPPED_REASON,
  new Text("rejected-saturated"),
  RETRY_AFTER,
  ONE,
];

export const replyNoEndpoints = new Reply(
  503,
  "service_unavailable",
  "no_endpoints",
  "No model server of this pool can be reached. Try again; the operator finds each server's state on the control plane's /status.",
  NO_ENDPOINTS,
);
export const replySaturated = new Reply(
  429,
  "rate_limit_exceeded",
  "saturated",
  "The scheduling profile's filters left no model server for this request. Try again later.",
  SATURATED,
);
export const replyShed = new Reply(
  429,
  "rate_limit_exceeded",
  "shed",
  "All model servers of this pool are busy, and the request's objective has a priority below 0. Try again later.",
  SATURATED,
);
export const replyTooLarge = new Reply(
  413,
  "invalid_request_error",
  "body_too_large",
  "The request's body is larger than the # bytes that this gateway holds. Send a smaller one, with images by URL for example.",
  NONE,
);

// What OpenAI's own API and vLLM answer.
/** With the name, which is within JSON quotes already, in place of its mark. */
export const replyNoSuchModel = new Reply(
  404,
  "invalid_request_error",
  "model_not_found",
  "The model `#` does not exist.",
  NONE,
);

export const replyUnknownModel = new Reply(
  503,
  "service_unavailable",
  "model_unavailable",
  "No pool is known to serve this model, and not all pools have told their models yet. Try again; the operator finds them on the control plane's /status.",
  NO_ENDPOINTS,
);
const modelList = new Reply(200, "", "models", "", NONE);

/** `text` is JSON. */
export function replyModels(text: usize, bytes: u32): void {
  modelList.sendBody(text, bytes);
}

export const replyHeldBytes = new Reply(
  429,
  "rate_limit_exceeded",
  "gateway_memory",
  "This gateway holds as many request bodies as it may. Try again later.",
  SATURATED,
);
export const replyUnread = new Reply(
  415,
  "invalid_request_error",
  "unreadable_body",
  "This pool's model servers fetch parts of prompts from each other, so that the gateway has to read what they are told, and it cannot read this body. Send it as plain UTF-8 JSON, not compressed.",
  NONE,
);
export const replyPrefillFailed = new Reply(
  502,
  "bad_gateway",
  "prefill_failed",
  "No prefill server of this pool has read the prompt. Try again; the operator finds each server's state on the control plane's /status.",
  NONE,
);
export const replyUnavailable = new Reply(
  412,
  "invalid_request_error",
  "prompt_not_cached",
  "No model server of this pool has enough of the prompt cached, and the request prefers not to be served then (Prefer: if-available). Send it without that preference.",
  NONE,
);
export const replyEncodeFailed = new Reply(
  502,
  "bad_gateway",
  "encode_failed",
  "The encoders of this pool have not encoded all media of the prompt. Try again; the operator finds each server's state on the control plane's /status.",
  NONE,
);
export const replyBadBody = new Reply(
  400,
  "invalid_request_error",
  "reserved_members",
  "The gateway cannot tell whether the request's body sets members that only the gateway may set (kv_transfer_params, ec_transfer_params, bootstrap_*): it has too many of them, is nested too deep, or is not UTF-8. Send plain UTF-8 JSON without them.",
  NONE,
);
