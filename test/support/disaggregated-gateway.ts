// A gateway over a pool with two prefill endpoints and two of decode, and the calls between.
import * as wire from "../../protocol/records.ts";
import { DESTINATION } from "./asked.ts";
import type { DisaggregationHint } from "./disaggregation-written.ts";
import { FilteredGateway } from "./filtered-gateway.ts";
import { addressOf, type HintsHint, tableOf } from "./hints-written.ts";
import type { HttpCall } from "./host-emulator/calls.ts";

/** Digits that no double holds, and a spelling that no JSON library writes: handed on to the letter. */
export const PARAMETERS =
  '{"remote_block_ids": [[1,2 ,4]],"remote_engine_id":"é\\u0041","room":9007199254740993}';
const ANSWER = `{"id":"a","kv_transfer_params": ${PARAMETERS},"usage":{"prompt_tokens":950,"prompt_tokens_details":{"cached_tokens":32}}}`;
export const PREFILLS = [0, 1];
export const DECODES = [2, 3];
export const ENDPOINTS = [
  ...PREFILLS.map((slot) => ({ slot, roles: wire.ROLE_PREFILL })),
  ...DECODES.map((slot) => ({ slot, roles: wire.ROLE_DECODE })),
];

export class DisaggregatedGateway extends FilteredGateway {
  constructor(disaggregation: DisaggregationHint = {}, settings: HintsHint["settings"] = {}) {
    const hints = { endpoints: ENDPOINTS, settings };
    super({ hints: tableOf(0, hints, { disaggregation }), clusters: ["pool"] });
  }

  get legs(): HttpCall[] {
    return this.callsTo("pool");
  }

  get leg(): HttpCall {
    const [call] = this.legs;
    if (call === undefined) throw new Error("no call to a prefill endpoint is under way");
    return call;
  }

  answerLeg(body: string = ANSWER, status = 200): void {
    this.answer(this.leg, { status, headers: { "content-type": "application/json" }, body });
  }
}

export function slotOfLeg(call: HttpCall): number {
  return PREFILLS.findIndex((slot) => addressOf(slot) === call.headers.get(DESTINATION));
}
