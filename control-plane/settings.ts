// Hintway's own settings: what an operator may set by a flag, by the settings file, or by a ConfigMap,
// and change while it runs.
import {
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  FALLBACKS_MAX,
  FALLBACKS_STANDARD,
  INDEX_KEYS_MAX,
  LEG_TIMEOUT_MS_MAX,
  LEG_TRIES_MAX,
} from "../protocol/limits.ts";
import { FAILURE_DECODE_ALONE, FAILURE_ERROR } from "../protocol/records.ts";
import type { ProbeTimes } from "./engines/probe.ts";
import type { Settings } from "./hints/table-records.ts";
import type { EndpointTlsByPool } from "./pool/endpoint-tls.ts";
import type { RewriteRule } from "./pool/rewrites.ts";
import { CONNECTOR_NAMES, connectorOf, ENCODINGS_NAMES, encodingsOf } from "./pool/roles.ts";

export interface NumberSetting {
  /** For people. */
  text: string;
  standard: number;
  least: number;
  most: number;
  /** Values are multiples of it; of 1 otherwise. */
  step?: number;
}

/** Bodies above this get 413 from the filter. */
const BODY_BYTES_MAX = 32 * 1024 * 1024;
/** A prompt is walked so far, and then picked on what is known. */
const WALK_BYTES_MAX = 4 * 1024 * 1024;
const HOUR_MS = 3_600_000;

/** The flag of each is its name with hyphens: `--probe-period-ms`. */
export const NUMBER_SETTINGS = {
  probePeriodMs: { text: "between two probes", standard: 1000, least: 50, most: HOUR_MS },
  probeTimeoutMs: { text: "for one probe", standard: 2000, least: 10, most: 60_000 },
  blockBytes: {
    ...{ text: "bytes of a prompt's first blocks", standard: 1024 },
    // A stripe of the key hash: blocks are multiples of it.
    ...{ least: BLOCK_BYTES_MIN, most: BLOCK_BYTES_MAX, step: 64 },
  },
  indexKeys: {
    ...{ text: "keys the index holds", standard: INDEX_KEYS_MAX },
    ...{ least: 1, most: INDEX_KEYS_MAX },
  },
  reportMs: { text: "between two reports of a gateway", standard: 50, least: 10, most: 10_000 },
  staleMs: { text: "until pushed loads fade", standard: 3000, least: 100, most: HOUR_MS },
  blindMs: { text: "until they count no more", standard: 30_000, least: 100, most: HOUR_MS },
  fallbacks: {
    ...{ text: "endpoints named after the pick", standard: FALLBACKS_STANDARD },
    ...{ least: 0, most: FALLBACKS_MAX },
  },
  heldBytes: {
    ...{ text: "bodies a worker holds", standard: 268_435_456 },
    ...{ least: 1, most: 4_294_967_295 },
  },
  prefillTimeoutMs: {
    ...{ text: "for a prefill endpoint to answer", standard: 300_000 },
    ...{ least: 100, most: LEG_TIMEOUT_MS_MAX },
  },
  prefillTries: {
    ...{ text: "prefill endpoints tried for a request", standard: 2 },
    ...{ least: 1, most: LEG_TRIES_MAX },
  },
} satisfies Record<string, NumberSetting>;

/** What the filter does: pick; pick and tell only; or stand aside. */
export const MODES = ["active", "shadow", "off"] as const;
export type Mode = (typeof MODES)[number];

/** Settings that are one of a few words, the standard one first. */
export const WORD_SETTINGS = {
  /** What becomes of a request that no prefill endpoint has read. */
  prefillFailure: ["decode", "error"],
  /** How prefill's cache comes to decode, where an endpoint's label does not say. */
  kvConnector: CONNECTOR_NAMES,
  /** How encoders' work comes to who reads the prompt. */
  ecConnector: ENCODINGS_NAMES,
} satisfies Record<string, readonly string[]>;

export interface OwnSettings
  extends Record<keyof typeof NUMBER_SETTINGS, number>,
    Record<keyof typeof WORD_SETTINGS, string> {
  mode: Mode;
  /** Clients may ask why. */
  explain: boolean;
  /** Picks are left where Envoy's access log finds them. */
  accessLog: boolean;
  /** Pools by model, where servers do not tell which models they serve, or not rightly. */
  models: Readonly<Record<string, string>>;
  /** The first that matches counts. */
  modelRewrites?: readonly RewriteRule[];
  endpointTls?: EndpointTlsByPool;
  /** Priorities by objective, for all pools; an InferenceObjective of a pool wins. */
  objectives: Objectives;
}

/** Names of objectives, and the priority that each gives a request. */
export type Objectives = Readonly<Record<string, number>>;

/** Of the field in an InferenceObjective: an int32. */
const PRIORITY_MIN = -(2 ** 31);
const PRIORITY_MAX = 2 ** 31 - 1;
export const PRIORITY_RANGE = `from ${PRIORITY_MIN} to ${PRIORITY_MAX}`;

export function isPriority(value: unknown): value is number {
  const number = value as number;
  return Number.isInteger(value) && number >= PRIORITY_MIN && number <= PRIORITY_MAX;
}

/** What gateways are told of them. */
export function settingsOf(own: OwnSettings): Settings {
  return {
    staleMs: own.staleMs,
    blindMs: own.blindMs,
    bodyBytesMax: BODY_BYTES_MAX,
    heldBytesMax: own.heldBytes,
    walkBytesMax: WALK_BYTES_MAX,
    reportMs: own.reportMs,
    indexKeysMax: own.indexKeys,
    fallbacks: own.fallbacks,
    mode: own.mode,
    isExplained: own.explain,
    isLogged: own.accessLog,
    disaggregation: {
      connector: connectorOf(own.kvConnector),
      encodings: encodingsOf(own.ecConnector),
      failure: own.prefillFailure === "error" ? FAILURE_ERROR : FAILURE_DECODE_ALONE,
      timeoutMs: own.prefillTimeoutMs,
      tries: own.prefillTries,
    },
  };
}

/** What the control plane takes at its start, and later by `adjust`. */
export interface Adjustable {
  /** Of a prompt's first blocks, at least. */
  blockBytes: number;
  settings: Settings;
  probe: ProbeTimes;
  /** Pools by the models they serve: more than endpoints tell, and instead of that. */
  models: Readonly<Record<string, string>>;
  /** Requests that get another model than they name. */
  modelRewrites: readonly RewriteRule[];
  endpointTls: EndpointTlsByPool;
  objectives: Objectives;
}

export function adjustableOf(own: OwnSettings): Adjustable {
  return {
    blockBytes: own.blockBytes,
    settings: settingsOf(own),
    probe: { periodMs: own.probePeriodMs, timeoutMs: own.probeTimeoutMs },
    models: own.models,
    modelRewrites: own.modelRewrites ?? [],
    endpointTls: own.endpointTls ?? new Map(),
    objectives: own.objectives,
  };
}

export function isInRange(value: number, { least, most, step = 1 }: NumberSetting): boolean {
  return Number.isInteger(value) && value >= least && value <= most && value % step === 0;
}

/** Such as `a whole number from 64 to 65536, a multiple of 64`. */
export function rangeText({ least, most, step = 1 }: NumberSetting): string {
  return `a whole number from ${least} to ${most}${step === 1 ? "" : `, a multiple of ${step}`}`;
}
