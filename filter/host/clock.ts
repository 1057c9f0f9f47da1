import { proxy_get_current_time_nanoseconds } from "@solo-io/proxy-runtime/assembly/imports";
import { outNumber } from "./memory.ts";

/** Milliseconds since the epoch, with fractions. */
export function nowMs(): f64 {
  proxy_get_current_time_nanoseconds(outNumber);
  return <f64>load<u64>(outNumber) / 1e6;
}
