// Values of each endpoint that the profiles' steps look at, by their number: four bytes each, an f32
// or what else the step takes it for. A value that was not told is NaN.
import { SLOTS_MAX, VALUES_MAX } from "../../protocol/limits.ts";

const SLOT_BYTES: usize = (<usize>VALUES_MAX) << 2;
/** A profile's numbers come off the wire: masked, the worst that a wrong one reads is another. */
const NUMBER_MASK: u32 = VALUES_MAX - 1;
const counts = new StaticArray<u8>(<i32>SLOTS_MAX);
let values: usize = 0;

/** Takes what was told of the endpoint; `at` has `count` values. */
export function setValues(slot: u32, count: u32, at: usize): void {
  if (count === 0 && unchecked(counts[slot]) === 0) return;
  if (values === 0) values = heap.alloc(<usize>SLOTS_MAX * SLOT_BYTES);
  unchecked((counts[slot] = <u8>count));
  memory.copy(valuesAt(slot), at, (<usize>count) << 2);
}

function isTold(slot: u32, number: u32): bool {
  return number < <u32>unchecked(counts[slot]);
}

export function readValue(slot: u32, number: u32): f64 {
  const index = number & NUMBER_MASK;
  if (!isTold(slot, index)) return NaN;
  return <f64>load<f32>(valuesAt(slot) + ((<usize>index) << 2));
}

/** Whether the endpoint has no such value. */
export function isMissing(value: f64): bool {
  return F64.isNaN(value);
}

/** The value's four bytes; 0 where it was not told. */
export function readBits(slot: u32, number: u32): u32 {
  const index = number & NUMBER_MASK;
  return isTold(slot, index) ? load<u32>(valuesAt(slot) + ((<usize>index) << 2)) : 0;
}

export function valueCount(slot: u32): u32 {
  return unchecked(counts[slot]);
}

export function valuesAt(slot: u32): usize {
  return values + <usize>slot * SLOT_BYTES;
}
