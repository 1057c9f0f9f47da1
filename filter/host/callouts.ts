import {
  proxy_http_call,
  proxy_log,
  proxy_set_tick_period_milliseconds,
} from "@solo-io/proxy-runtime/assembly/imports";
import { outNumber } from "./memory.ts";

/** Sends a request to a cluster; answers its token, 0 when it was refused at once. */
export function call(
  cluster: usize,
  clusterBytes: u32,
  headers: usize,
  headersBytes: u32,
  body: usize,
  bodyBytes: u32,
  timeoutMs: u32,
): u32 {
  store<u32>(outNumber, 0);
  const result = proxy_http_call(
    cluster,
    clusterBytes,
    headers,
    headersBytes,
    body,
    bodyBytes,
    0,
    0,
    timeoutMs,
    outNumber,
  );
  return result === 0 ? load<u32>(outNumber) : 0;
}

/** From any context; the timer begins anew. */
export function setTickPeriod(periodMs: u32): void {
  proxy_set_tick_period_milliseconds(periodMs);
}

const LEVEL_WARN: usize = 3;

export function warn(message: usize, bytes: u32): void {
  proxy_log(LEVEL_WARN, message, bytes);
}
