import { outNumber } from "./memory.ts";
import { random_get } from "./wasi_snapshot_preview1.ts";

/** Bits that differ between machines and between starts of one, whatever their clocks say. */
export function drawBits(): u64 {
  store<u64>(outNumber, 0);
  random_get(outNumber, sizeof<u64>());
  return load<u64>(outNumber);
}
