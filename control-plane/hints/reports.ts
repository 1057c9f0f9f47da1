// Reports of gateways taken in, record by record, after the frame was verified whole.

import { LEG_STAGE_ENCODE } from "../../protocol/encoding-records.ts";
import { RECORD_HEADER_BYTES } from "../../protocol/frame.ts";
import * as wire from "../../protocol/records.ts";
import type { PrefixIndex } from "../index/prefix-index.ts";
import type { LegFigures } from "../metrics/figures.ts";
import { correctedFactor } from "../pool/capacity.ts";
import type { Endpoint } from "../pool/endpoint.ts";
import type { Pool } from "../pool/pool.ts";
import type { Place, Pools } from "../pool/pools.ts";
import type { Gateway } from "./gateways.ts";
import { HandedBack } from "./handed-back.ts";
import type { Hints } from "./hints.ts";
import { applyPick } from "./index-records.ts";
import { eachRecord } from "./read-frame.ts";

/** One request that has ended, as a gateway tells it. Tokens are null where not told. */
export interface EndedRequest {
  pool: Pool | undefined;
  /** Undefined where nothing served, or what did is gone. */
  endpoint: Endpoint | undefined;
  status: number;
  flags: number;
  promptBytes: number;
  matchedBytes: number;
  promptTokens: number | null;
  cachedTokens: number | null;
  completionTokens: number | null;
  firstByteMs: number;
  /** Uncached prompt bytes that waited on the endpoint before it. */
  aheadBytes: number;
  totalMs: number;
  modelLow: number;
  modelHigh: number;
  stage: number;
  /** What the pick named; undefined where nothing was picked, or it is gone. */
  picked: Endpoint | undefined;
  /** Prompt bytes believed cached there. */
  pickedMatchedBytes: number;
  /** Of protocol/reasons.ts. */
  reason: number;
  priority: number;
}

export interface ReportListener {
  ended(request: EndedRequest): void;
  legEnded(leg: LegFigures): void;
  /** A gateway saw the endpoint fail before it answered. */
  failed(place: Place): void;
  handedBack(gateway: Gateway, entries: number): void;
}

export class Reports {
  readonly #pools: Pools;
  readonly #index: PrefixIndex;
  readonly #hints: Hints;
  readonly #listener: ReportListener;

  constructor(pools: Pools, index: PrefixIndex, hints: Hints, listener: ReportListener) {
    this.#pools = pools;
    this.#index = index;
    this.#hints = hints;
    this.#listener = listener;
  }

  /** Takes a verified frame of the generation in force. Kinds that are not known are passed over. */
  take(gateway: Gateway, view: DataView, nowMs: number): void {
    const handedBack = new HandedBack();
    eachRecord(view, (kind, body) => {
      if (kind === wire.DONE) this.#listener.ended(readDone(view, body, this.#pools));
      else if (kind === wire.LEG) this.#takeLeg(view, body);
      else if (kind === wire.ENTRIES) handedBack.add(view, body);
    });
    this.takeShared(gateway, view, nowMs);
    const entries = handedBack.mergeInto(this.#index);
    if (entries > 0) this.#listener.handedBack(gateway, entries);
  }

  /** Takes what every replica has to know; what is counted is counted by the one it was told. */
  takeShared(gateway: Gateway, view: DataView, nowMs: number): void {
    eachRecord(view, (kind, body, bytes) => {
      if (kind === wire.FLIGHT) this.#takeFlight(gateway, view, body);
      else if (kind === wire.PICK) this.#takePick(gateway, view, body, bytes, nowMs);
      else if (kind === wire.DONE) this.#learn(view, body, nowMs);
      else if (kind === wire.FAILURE) this.#takeFailure(view, body);
    });
  }

  #takeFlight(gateway: Gateway, view: DataView, body: number): void {
    const slot = view.getUint32(body + wire.FLIGHT_SLOT, true);
    const place = this.#pools.atSlot(slot);
    if (!place) return;
    const share = {
      requests: view.getUint32(body + wire.FLIGHT_REQUESTS, true),
      backlogBytes: view.getUint32(body + wire.FLIGHT_BACKLOG_BYTES, true),
      residentBytes: view.getUint32(body + wire.FLIGHT_RESIDENT_BYTES, true),
      unanswered: view.getUint32(body + wire.FLIGHT_UNANSWERED, true),
    };
    if (this.#hints.shares.set(gateway.number, slot, share)) {
      this.#hints.shareChanged(place.endpoint, gateway.number);
    }
  }

  #takePick(gateway: Gateway, view: DataView, body: number, bytes: number, nowMs: number): void {
    const list = this.#index.list(view.getUint32(body + wire.PICK_SLOT, true));
    if (!list) return;
    applyPick(view, body, list);
    const start = view.byteOffset + body - RECORD_HEADER_BYTES;
    const record = new Uint8Array(view.buffer, start, RECORD_HEADER_BYTES + bytes);
    this.#hints.picked(gateway.number, record, nowMs);
  }

  #learn(view: DataView, body: number, nowMs: number): void {
    const request = readDone(view, body, this.#pools);
    const { promptBytes, promptTokens, pool, flags } = request;
    const isRead = (flags & wire.DONE_FLAG_UNREAD) === 0;
    if (promptTokens !== null && isRead) pool?.tokens.learn(promptBytes, promptTokens);
    // After a transfer all of a prompt is cached, and nothing is told of the endpoint's own speed.
    const isElsewhere = (flags & (wire.DONE_FLAG_TRANSFERRED | wire.DONE_FLAG_DISAGGREGATED)) !== 0;
    const isLocal = (flags & (wire.DONE_FLAG_RETRIED | wire.DONE_FLAG_LOCAL)) !== 0;
    const isServed = !isLocal && !isElsewhere;
    if (isServed) this.#correct(request);
    if (isServed) learnFirstByte(request, nowMs);
  }

  #correct({ pool, endpoint, cachedTokens, matchedBytes }: EndedRequest): void {
    if (!pool || !endpoint || cachedTokens === null || endpoint.slot === null) return;
    const known = this.#index.list(endpoint.slot)?.blocks ?? 0;
    endpoint.capacityFactor = correctedFactor(endpoint.capacityFactor, {
      believedBytes: matchedBytes,
      reportedBytes: cachedTokens * pool.tokens.bytesPerToken,
      blockBytes: pool.blockBytes,
      isFull: known >= endpoint.toldCapacityBlocks,
    });
  }

  #takeLeg(view: DataView, body: number): void {
    const field = (offset: number) => view.getUint32(body + offset, true);
    const place = this.#pools.atSlot(field(wire.LEG_SLOT));
    if (!place) return;
    this.#listener.legEnded({
      pool: place.pool.name,
      endpoint: place.endpoint.address,
      isEncode: field(wire.LEG_STAGE) === LEG_STAGE_ENCODE,
      outcome: LEG_OUTCOMES.get(field(wire.LEG_OUTCOME)) ?? "unknown",
      ms: field(wire.LEG_MS),
      parametersBytes: field(wire.LEG_PARAMETERS_BYTES),
    });
  }

  #takeFailure(view: DataView, body: number): void {
    const place = this.#pools.atSlot(view.getUint32(body + wire.FAILURE_SLOT, true));
    if (place) this.#listener.failed(place);
  }
}

const LEG_OUTCOMES: ReadonlyMap<number, string> = new Map([
  [wire.LEG_SERVED, "served"],
  [wire.LEG_REFUSED, "refused"],
  [wire.LEG_WITHOUT_PARAMETERS, "without-parameters"],
  [wire.LEG_IN_VAIN, "in-vain"],
  [wire.LEG_CACHED, "cached"],
  [wire.LEG_UNCACHED, "uncached"],
]);

/** Only of streamed answers does the first byte tell when the prompt was read. */
function learnFirstByte(request: EndedRequest, nowMs: number): void {
  const { pool, endpoint, flags, promptBytes, firstByteMs } = request;
  const isStreamed = (flags & wire.DONE_FLAG_STREAMED) !== 0;
  if (!pool || !endpoint || !isStreamed || request.status !== 200 || promptBytes === 0) return;
  const { bytesPerToken } = pool.tokens;
  const promptTokens = request.promptTokens ?? promptBytes / bytesPerToken;
  const cachedTokens = request.cachedTokens ?? request.matchedBytes / bytesPerToken;
  const uncachedTokens = Math.max(0, promptTokens - cachedTokens);
  const aheadTokens = request.aheadBytes / bytesPerToken;
  const reading = { promptTokens, uncachedTokens, aheadTokens };
  pool.learnFirstByte(endpoint, reading, firstByteMs, nowMs);
}

function readDone(view: DataView, body: number, pools: Pools): EndedRequest {
  const field = (offset: number) => view.getUint32(body + offset, true);
  const told = (offset: number) => {
    const value = field(offset);
    return value === wire.NO_COUNT ? null : value;
  };
  const place = pools.atSlot(field(wire.DONE_SLOT));
  return {
    pool: place?.pool ?? pools.numbered(field(wire.DONE_POOL)),
    endpoint: place?.endpoint,
    status: field(wire.DONE_STATUS),
    flags: field(wire.DONE_FLAGS),
    promptBytes: field(wire.DONE_PROMPT_BYTES),
    matchedBytes: field(wire.DONE_MATCHED_BYTES),
    promptTokens: told(wire.DONE_PROMPT_TOKENS),
    cachedTokens: told(wire.DONE_CACHED_TOKENS),
    completionTokens: told(wire.DONE_COMPLETION_TOKENS),
    firstByteMs: field(wire.DONE_FIRST_BYTE_MS),
    aheadBytes: field(wire.DONE_AHEAD_BYTES),
    totalMs: field(wire.DONE_TOTAL_MS),
    modelLow: field(wire.DONE_MODEL_LOW),
    modelHigh: field(wire.DONE_MODEL_HIGH),
    stage: field(wire.DONE_STAGE),
    picked: pools.atSlot(field(wire.DONE_PICKED_SLOT))?.endpoint,
    pickedMatchedBytes: field(wire.DONE_PICKED_MATCHED_BYTES),
    reason: field(wire.DONE_REASON),
    priority: view.getInt32(body + wire.DONE_PRIORITY, true),
  };
}
