// A gateway over a pool with two encoders beside two endpoints of decode and, where asked, two of prefill;
// and requests with media.
import * as wire from "../../protocol/records.ts";
import { DESTINATION } from "./asked.ts";
import { DECODES, PREFILLS } from "./disaggregated-gateway.ts";
import type { DisaggregationHint } from "./disaggregation-written.ts";
import { FilteredGateway } from "./filtered-gateway.ts";
import { addressOf, type HintsHint, tableOf } from "./hints-written.ts";
import type { HttpCall } from "./host-emulator/calls.ts";

export const ENCODERS = [4, 5];
const WITHOUT_PREFILL = [
  ...ENCODERS.map((slot) => ({ slot, roles: wire.ROLE_ENCODE })),
  ...DECODES.map((slot) => ({ slot, roles: wire.ROLE_DECODE })),
];
const WITH_PREFILL = [
  ...WITHOUT_PREFILL,
  ...PREFILLS.map((slot) => ({ slot, roles: wire.ROLE_PREFILL })),
];

interface Shape extends DisaggregationHint {
  readonly hasPrefill?: boolean;
}

export class EncodingGateway extends FilteredGateway {
  constructor(shape: Shape = {}, settings: HintsHint["settings"] = {}) {
    const { hasPrefill = false, ...hint } = shape;
    const endpoints = hasPrefill ? WITH_PREFILL : WITHOUT_PREFILL;
    const disaggregation = {
      decider: hasPrefill ? wire.DECIDE_ALWAYS : wire.DECIDE_NEVER,
      encoding: {},
      ...hint,
    };
    const hints = tableOf(0, { endpoints, settings }, { disaggregation });
    super({ hints, clusters: ["pool"] });
  }

  /** Calls under way, in the order in which they were made. */
  get legs(): HttpCall[] {
    return this.callsTo("pool");
  }

  /** The oldest. */
  get leg(): HttpCall {
    const [call] = this.legs;
    if (call === undefined) throw new Error("no call is under way");
    return call;
  }

  answerLeg(body: string, status = 200, call: HttpCall = this.leg): void {
    this.answer(call, { status, headers: { "content-type": "application/json" }, body });
  }
}

export function slotOfCall(call: HttpCall): number {
  const slots = [...PREFILLS, ...DECODES, ...ENCODERS];
  return slots.find((slot) => addressOf(slot) === call.headers.get(DESTINATION)) ?? -1;
}

export function textOf(body: Uint8Array): string {
  return Buffer.from(body).toString();
}

export const imageOf = (url: string) => `{"type":"image_url","image_url":{"url":"${url}"}}`;

/** A chat body of one message, with parts to the letter. */
export function bodyWith(parts: readonly string[], rest = ""): string {
  const content = ['{"type":"text","text":"look"}', ...parts].join(",");
  return `{"model":"llama","messages":[{"role":"user","content":[${content}]}]${rest}}`;
}

/** What an encoder answers, of one medium. Digits that no double holds: handed on to the letter. */
export function encodingOf(hash: string): string {
  return `"${hash}": {"peer_host":"10.0.0.9","peer_port":7001,"size_bytes":9007199254740993}`;
}

export function answerOf(...hashes: string[]): string {
  const encodings = hashes.map(encodingOf).join(" ,");
  return `{"id":"a","ec_transfer_params": { ${encodings} } ,"usage":{"prompt_tokens":3}}`;
}
