// Objectives, which give requests a priority, and the rules by which a pool turns away those of a
// priority below 0; as the table in force says. A pool without objectives has neither.
import { OBJECTIVES_MAX, POOLS_MAX, RULES_MAX } from "../../protocol/limits.ts";
import { STEP_BYTES, STEP_OPERATION, STEP_PARAMETERS } from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";

/** What a request has that names no objective, or one that is not known. */
const STANDARD_PRIORITY: i32 = 0;

const names = new StaticArray<u64>(<i32>OBJECTIVES_MAX);
const priorities = new StaticArray<i32>(<i32>OBJECTIVES_MAX);
/** Whether any pool has objectives: otherwise no header is looked for. */
export let objectiveCount: u32 = 0;
/** Of each pool, the place of its first objective and how many there are. */
const firstOf = new StaticArray<u32>(<i32>POOLS_MAX);
const countOf = new StaticArray<u32>(<i32>POOLS_MAX);
const rulesOf = new StaticArray<u32>(<i32>POOLS_MAX);
const rules: usize = heap.alloc(POOLS_MAX * RULES_MAX * STEP_BYTES);

export function forgetAdmission(): void {
  objectiveCount = 0;
  countOf.fill(0);
  rulesOf.fill(0);
}

/** Takes a checked record. */
export function takeAdmission(view: DataView, at: u32, memoryAt: usize): void {
  const pool = view.getUint32(at + wire.ADMISSION_POOL, true);
  const ruleCount = view.getUint32(at + wire.ADMISSION_RULES, true);
  const count = view.getUint32(at + wire.ADMISSION_OBJECTIVES, true);
  // A record for a pool that has had one: the frame was checked for the sum of all.
  if (unchecked(countOf[pool]) > 0) return;
  const from = memoryAt + at + wire.ADMISSION_BYTES;
  unchecked((rulesOf[pool] = ruleCount));
  memory.copy(ruleAt(pool, 0), from, ruleCount * STEP_BYTES);
  unchecked((firstOf[pool] = objectiveCount));
  unchecked((countOf[pool] = count));
  let entry = from + ruleCount * STEP_BYTES;
  for (let i: u32 = 0; i < count; i++) {
    unchecked((names[objectiveCount] = load<u64>(entry, wire.OBJECTIVE_NAME_LOW)));
    unchecked((priorities[objectiveCount] = load<i32>(entry, wire.OBJECTIVE_PRIORITY)));
    objectiveCount++;
    entry += <usize>wire.OBJECTIVE_BYTES;
  }
}

/** The priority that the pool's objective of this name's hash gives. */
export function priorityOf(pool: u32, objective: u64): i32 {
  const end = unchecked(firstOf[pool]) + unchecked(countOf[pool]);
  for (let i = unchecked(firstOf[pool]); i < end; i++) {
    if (unchecked(names[i]) === objective) return unchecked(priorities[i]);
  }
  return STANDARD_PRIORITY;
}

export function ruleCountOf(pool: u32): u32 {
  return unchecked(rulesOf[pool]);
}

export function ruleOperation(pool: u32, rule: u32): u32 {
  return load<u32>(ruleAt(pool, rule) + <usize>STEP_OPERATION);
}

export function ruleParameter(pool: u32, rule: u32, index: u32): f64 {
  return <f64>load<f32>(ruleAt(pool, rule) + <usize>STEP_PARAMETERS + ((<usize>index) << 2));
}

function ruleAt(pool: u32, rule: u32): usize {
  return rules + (<usize>pool * <usize>RULES_MAX + <usize>rule) * <usize>STEP_BYTES;
}
