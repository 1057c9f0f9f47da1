// What may be done to the stream whose callback is running, or that is made the one in force.
import {
  proxy_call_foreign_function,
  proxy_continue_stream,
  proxy_send_local_response,
  proxy_set_effective_context,
} from "@solo-io/proxy-runtime/assembly/imports";
import { outPointer, outSize, receiveNothing, Text } from "./memory.ts";

/** What a headers callback answers. */
export const CONTINUE: u32 = 0;
export const STOP: u32 = 1;
/** What a body callback answers to hold the body and see more of it. */
export const STOP_AND_BUFFER: u32 = 1;

const NO_GRPC_STATUS: u32 = 0xffffffff;
const SET_FILTER_STATE = new Text("set_envoy_filter_state");

/**
 * Makes calls to the host be about another context, until this callback ends; false when the host has
 * no such context.
 */
export function setEffectiveContext(context: u32): bool {
  return proxy_set_effective_context(context) === 0;
}

/** Answers the client instead of any endpoint. `headers` is marshalled as pairs are. */
export function respond(
  status: u32,
  details: Text,
  body: usize,
  bodyBytes: u32,
  headers: usize,
  headersBytes: u32,
): void {
  proxy_send_local_response(
    status,
    details.at,
    details.bytes,
    body,
    bodyBytes,
    headers,
    headersBytes,
    NO_GRPC_STATUS,
  );
}

const REQUEST_STREAM: i32 = 0;
const RESPONSE_STREAM: i32 = 1;

/** Lets a request go on that was held, after the callback that runs. */
export function continueRequest(): void {
  proxy_continue_stream(REQUEST_STREAM);
}

/** Lets a response go on whose headers were held, after the callback that runs. */
export function continueResponse(): void {
  proxy_continue_stream(RESPONSE_STREAM);
}

/** Sets filter state from a marshalled SetEnvoyFilterStateArguments. */
export function setFilterState(message: usize, bytes: u32): bool {
  receiveNothing();
  return (
    proxy_call_foreign_function(
      SET_FILTER_STATE.at,
      SET_FILTER_STATE.bytes,
      message,
      bytes,
      outPointer,
      outSize,
    ) === 0
  );
}
