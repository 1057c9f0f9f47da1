import { proxy_get_current_time_nanoseconds } from "@solo-io/proxy-runtime/assembly/imports";
import { outNumber } from "./memory.ts";

/** The time as this machine last asked for it: at most 5 ms ago while a request waits, else 100 ms. */
export let recentMs: f64 = 0;

/** Milliseconds since the epoch, with fractions. */
export function nowMs(): f64 {
  proxy_get_current_time_nanoseconds(outNumber);
  recentMs = <f64>load<u64>(outNumber) / 1e6;
  return recentMs;
}
