// The record of rules that give requests another model.
import { padded } from "../../protocol/frame.ts";
import * as wire from "../../protocol/records.ts";
import type { RewriteTarget, ToldRule } from "../pool/rewrites.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { nameHash } from "./name-hash.ts";

/** Nothing where there are no rules. */
export function writeRewrites(writer: FrameWriter, rules: readonly ToldRule[]): void {
  if (rules.length === 0) return;
  // Rules for several models share their targets.
  const lists = [...new Set(rules.map(({ targets }) => targets))];
  const targets = lists.flat();
  const names = targets.map(({ model }) => Buffer.from(JSON.stringify(model)));
  const text = Buffer.concat(names);
  const targetsAt = wire.REWRITES_BYTES + rules.length * wire.RULE_BYTES;
  const textAt = targetsAt + targets.length * wire.TARGET_BYTES;
  const body = writer.begin(wire.REWRITES, textAt + padded(text.length));
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  set(wire.REWRITES_RULES, rules.length);
  set(wire.REWRITES_TARGETS, targets.length);
  set(wire.REWRITES_TEXT_BYTES, text.length);
  const firstOf = firstPlaces(lists);
  for (const [index, rule] of rules.entries()) {
    const at = wire.REWRITES_BYTES + index * wire.RULE_BYTES;
    const { low, high } = nameHash(rule.model ?? "");
    set(at + wire.RULE_NAME_LOW, low);
    set(at + wire.RULE_NAME_HIGH, high);
    set(at + wire.RULE_FLAGS, rule.model === null ? wire.RULE_FLAG_ANY : 0);
    set(at + wire.RULE_POOL, rule.pool ?? wire.NO_NUMBER);
    set(at + wire.RULE_FIRST, firstOf.get(rule.targets) ?? 0);
    set(at + wire.RULE_TARGETS, rule.targets.length);
  }
  let nameAt = 0;
  for (const [index, { model, weight }] of targets.entries()) {
    const at = targetsAt + index * wire.TARGET_BYTES;
    const { low, high } = nameHash(model);
    const bytes = names[index]?.length ?? 0;
    set(at + wire.TARGET_NAME_LOW, low);
    set(at + wire.TARGET_NAME_HIGH, high);
    set(at + wire.TARGET_WEIGHT, weight);
    set(at + wire.TARGET_TEXT, nameAt);
    set(at + wire.TARGET_TEXT_BYTES, bytes);
    nameAt += bytes;
  }
  writer.writeBytes(body + textAt, text);
}

function firstPlaces(lists: readonly (readonly RewriteTarget[])[]) {
  const firstOf = new Map<readonly RewriteTarget[], number>();
  let next = 0;
  for (const list of lists) {
    firstOf.set(list, next);
    next += list.length;
  }
  return firstOf;
}
