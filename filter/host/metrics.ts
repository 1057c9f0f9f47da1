import {
  proxy_define_metric,
  proxy_increment_metric,
  proxy_record_metric,
} from "@solo-io/proxy-runtime/assembly/imports";
import { outNumber } from "./memory.ts";

export const COUNTER: i32 = 0;
export const GAUGE: i32 = 1;

/** One number for all virtual machines of the process that define the same name. */
export function defineMetric(type: i32, name: usize, bytes: u32): u32 {
  store<u32>(outNumber, 0);
  proxy_define_metric(type, name, bytes, outNumber);
  return load<u32>(outNumber);
}

export function addToMetric(metric: u32, difference: i64): void {
  proxy_increment_metric(metric, difference);
}

export function setMetric(metric: u32, value: u64): void {
  proxy_record_metric(metric, value);
}
