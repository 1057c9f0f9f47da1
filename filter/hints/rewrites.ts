// Rules that give requests another model than they name, as the table in force says.
import {
  REWRITE_RULES_MAX,
  REWRITE_TARGETS_MAX,
  REWRITE_TEXT_BYTES_MAX,
} from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";
import { pools } from "./table.ts";

export const NO_RULE: i32 = -1;
/** In place of a pool's number: rules of every pool count that does not stand aside. */
export const ANY_POOL: u32 = 0xfffffffe;

const RULES_BYTES: u32 = REWRITE_RULES_MAX * wire.RULE_BYTES;
const TARGETS_BYTES: u32 = REWRITE_TARGETS_MAX * wire.TARGET_BYTES;

/** Rules, targets and text as they came; made with the first of them. */
let memoryOfAll: usize = 0;
let targets: usize = 0;
let text: usize = 0;
let ruleCount: i32 = 0;

export function forgetRewrites(): void {
  ruleCount = 0;
}

export function areRewrites(): bool {
  return ruleCount > 0;
}

/** Takes a checked record. */
export function takeRewrites(view: DataView, at: u32, memoryAt: usize): void {
  if (memoryOfAll === 0) {
    memoryOfAll = heap.alloc(RULES_BYTES + TARGETS_BYTES + REWRITE_TEXT_BYTES_MAX);
  }
  const rules = view.getUint32(at + wire.REWRITES_RULES, true);
  const ruleBytes = rules * wire.RULE_BYTES;
  const targetBytes = view.getUint32(at + wire.REWRITES_TARGETS, true) * wire.TARGET_BYTES;
  const textBytes = view.getUint32(at + wire.REWRITES_TEXT_BYTES, true);
  const source = memoryAt + at + wire.REWRITES_BYTES;
  memory.copy(memoryOfAll, source, ruleBytes + targetBytes + textBytes);
  targets = memoryOfAll + ruleBytes;
  text = targets + targetBytes;
  ruleCount = <i32>rules;
}

function ruleAt(rule: i32): usize {
  return memoryOfAll + <usize>rule * <usize>wire.RULE_BYTES;
}

function isOfPool(rule: usize, pool: u32): bool {
  const own = load<u32>(rule, wire.RULE_POOL);
  if (own === wire.NO_NUMBER || own === pool) return true;
  return pool === ANY_POOL && isServing(own);
}

function isServing(pool: u32): bool {
  if (pool >= <u32>pools.length) return false;
  const one = unchecked(pools[pool]);
  return one.isUsed && !one.isAside;
}

/** The rule for the model of this name's hash among a pool's requests, or NO_RULE. */
export function ruleForModel(model: u64, pool: u32): i32 {
  for (let i = 0; i < ruleCount; i++) {
    const rule = ruleAt(i);
    if (load<u64>(rule, wire.RULE_NAME_LOW) !== model || isForAny(rule)) continue;
    if (isOfPool(rule, pool)) return i;
  }
  return NO_RULE;
}

/** The rule for all models among a pool's requests, or NO_RULE. */
export function ruleForAny(pool: u32): i32 {
  for (let i = 0; i < ruleCount; i++) {
    const rule = ruleAt(i);
    if (isForAny(rule) && isOfPool(rule, pool)) return i;
  }
  return NO_RULE;
}

function isForAny(rule: usize): bool {
  return (load<u32>(rule, wire.RULE_FLAGS) & wire.RULE_FLAG_ANY) !== 0;
}

/** The pool that a rule's requests are for, or NO_NUMBER. */
export function poolOfRule(rule: i32): u32 {
  return load<u32>(ruleAt(rule), wire.RULE_POOL);
}

/** One of the rule's targets by weight, with `drawn` uniform in [0, 1). */
export function drawTarget(rule: i32, drawn: f64): usize {
  const first = load<u32>(ruleAt(rule), wire.RULE_FIRST);
  const count = load<u32>(ruleAt(rule), wire.RULE_TARGETS);
  let left = drawn * sumOfWeights(first, count);
  for (let i: u32 = 0; i < count - 1; i++) {
    const target = targetAt(first + i);
    left -= <f64>load<u32>(target, wire.TARGET_WEIGHT);
    if (left < 0) return target;
  }
  return targetAt(first + count - 1);
}

function sumOfWeights(first: u32, count: u32): f64 {
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    sum += <f64>load<u32>(targetAt(first + i), wire.TARGET_WEIGHT);
  }
  return sum;
}

function targetAt(index: u32): usize {
  return targets + <usize>index * <usize>wire.TARGET_BYTES;
}

export function targetName(target: usize): u64 {
  return load<u64>(target, wire.TARGET_NAME_LOW);
}

/** The name as a JSON string. */
export function targetText(target: usize): usize {
  return text + <usize>load<u32>(target, wire.TARGET_TEXT);
}

export function targetTextBytes(target: usize): u32 {
  return load<u32>(target, wire.TARGET_TEXT_BYTES);
}
