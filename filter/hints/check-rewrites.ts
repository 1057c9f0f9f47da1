// Whether a record of rewrites may be taken.
import { FRAME_OK, FRAME_OVER_LIMIT, FRAME_RECORD } from "../../protocol/frame.ts";
import {
  POOLS_MAX,
  REWRITE_NAME_BYTES_MAX,
  REWRITE_RULES_MAX,
  REWRITE_TARGETS_MAX,
  REWRITE_TEXT_BYTES_MAX,
  REWRITE_WEIGHT_MAX,
} from "../../protocol/limits.ts";
import * as wire from "../../protocol/records.ts";

const QUOTE: u8 = 0x22;

/** FRAME_OK or the reason of refusal. */
export function checkRewrites(view: DataView, at: u32, bytes: u32): u32 {
  if (bytes < wire.REWRITES_BYTES) return FRAME_RECORD;
  const rules = view.getUint32(at + wire.REWRITES_RULES, true);
  const targets = view.getUint32(at + wire.REWRITES_TARGETS, true);
  const text = view.getUint32(at + wire.REWRITES_TEXT_BYTES, true);
  if (rules > REWRITE_RULES_MAX || targets > REWRITE_TARGETS_MAX) return FRAME_OVER_LIMIT;
  if (text > REWRITE_TEXT_BYTES_MAX) return FRAME_OVER_LIMIT;
  const targetsAt = wire.REWRITES_BYTES + rules * wire.RULE_BYTES;
  const textAt = targetsAt + targets * wire.TARGET_BYTES;
  if (textAt + text > bytes) return FRAME_RECORD;
  for (let i: u32 = 0; i < rules; i++) {
    const reason = checkRule(view, at + wire.REWRITES_BYTES + i * wire.RULE_BYTES, targets);
    if (reason !== FRAME_OK) return reason;
  }
  for (let i: u32 = 0; i < targets; i++) {
    const reason = checkTarget(view, at + targetsAt + i * wire.TARGET_BYTES, at + textAt, text);
    if (reason !== FRAME_OK) return reason;
  }
  return FRAME_OK;
}

function checkRule(view: DataView, at: u32, targets: u32): u32 {
  const pool = view.getUint32(at + wire.RULE_POOL, true);
  if (pool >= POOLS_MAX && pool !== wire.NO_NUMBER) return FRAME_OVER_LIMIT;
  const first = view.getUint32(at + wire.RULE_FIRST, true);
  const count = view.getUint32(at + wire.RULE_TARGETS, true);
  if (count === 0 || count > targets) return FRAME_RECORD;
  return first <= targets - count ? FRAME_OK : FRAME_RECORD;
}

function checkTarget(view: DataView, at: u32, text: u32, textBytes: u32): u32 {
  const weight = view.getUint32(at + wire.TARGET_WEIGHT, true);
  if (weight === 0 || weight > REWRITE_WEIGHT_MAX) return FRAME_OVER_LIMIT;
  const start = view.getUint32(at + wire.TARGET_TEXT, true);
  const bytes = view.getUint32(at + wire.TARGET_TEXT_BYTES, true);
  if (bytes > REWRITE_NAME_BYTES_MAX) return FRAME_OVER_LIMIT;
  if (bytes > textBytes || start > textBytes - bytes) return FRAME_RECORD;
  return isString(view, text + start, bytes) ? FRAME_OK : FRAME_RECORD;
}

/** Its quotes stand: it goes into a body as it is. */
function isString(view: DataView, at: u32, bytes: u32): bool {
  if (bytes < 2) return false;
  return view.getUint8(at) === QUOTE && view.getUint8(at + bytes - 1) === QUOTE;
}
