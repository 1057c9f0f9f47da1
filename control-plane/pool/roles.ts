// The part an endpoint has in disaggregated serving, as its labels say.
import { ENCODINGS_NIXL, ENCODINGS_SHARED_STORAGE } from "../../protocol/encoding-records.ts";
import {
  CONNECTOR_MOONCAKE,
  CONNECTOR_NIXL,
  CONNECTOR_OF_POOL,
  CONNECTOR_OFFLOADING,
  CONNECTOR_SGLANG,
  CONNECTOR_SHARED_STORAGE,
  ROLE_DECODE,
  ROLE_ENCODE,
  ROLE_PREFILL,
} from "../../protocol/records.ts";
import type { StagesApart } from "../config/configuration.ts";

export type Labels = Readonly<Record<string, string>>;

/** llm-d-router, pkg/epp/framework/plugins/scheduling/filter/bylabel/roles.go. */
const ROLE_LABEL = "llm-d.ai/role";
const ROLES: ReadonlyMap<string, number> = new Map([
  ["prefill", ROLE_PREFILL],
  ["decode", ROLE_DECODE],
  ["encode", ROLE_ENCODE],
  ["prefill-decode", ROLE_PREFILL | ROLE_DECODE],
  ["both", ROLE_PREFILL | ROLE_DECODE],
  ["encode-prefill", ROLE_ENCODE | ROLE_PREFILL],
  ["encode-decode", ROLE_ENCODE | ROLE_DECODE],
  ["encode-prefill-decode", ROLE_ENCODE | ROLE_PREFILL | ROLE_DECODE],
]);

/**
 * Bits of the wire. An endpoint without a role decodes; one with a role that nobody knows has no part;
 * nor has one in prefill whose cache comes to decode in a way that nobody knows.
 */
export function rolesOf(labels: Labels): number {
  const role = labels[ROLE_LABEL];
  const roles = role === undefined ? ROLE_DECODE : (ROLES.get(role) ?? 0);
  return unknownConnector(labels) === undefined ? roles : roles & ~ROLE_PREFILL;
}

const ROLE_NAMES: readonly (readonly [number, string])[] = [
  [ROLE_ENCODE, "encode"],
  [ROLE_PREFILL, "prefill"],
  [ROLE_DECODE, "decode"],
];

/** What people read of its part; `none` where it has none. */
export function roleText(labels: Labels): string {
  const roles = rolesOf(labels);
  const names = ROLE_NAMES.filter(([bit]) => (roles & bit) !== 0).map(([, name]) => name);
  return names.join("-") || "none";
}

/** Whether prefill may run on it, but not decode. */
function isPrefillOnly(labels: Labels): boolean {
  const roles = rolesOf(labels);
  return (roles & ROLE_PREFILL) !== 0 && (roles & ROLE_DECODE) === 0;
}

/** The stages for which there are endpoints that do not decode; undefined where there are none. */
export function stagesApart(listed: readonly Labels[]): StagesApart | undefined {
  const hasPrefill = listed.some(isPrefillOnly);
  // Those that also read prompts encode for themselves: their pool need not have a connector for it.
  const hasEncode = listed.some((labels) => rolesOf(labels) === ROLE_ENCODE);
  if (hasPrefill) return hasEncode ? "encode-prefill" : "prefill";
  return hasEncode ? "encode" : undefined;
}

const CONNECTOR_LABEL = "llm-d.ai/kv-connector";
const CONNECTORS = new Map([
  ["nixlv2", CONNECTOR_NIXL],
  // MoRI-IO's reading mode has the fields of NIXL.
  ["moriio", CONNECTOR_NIXL],
  ["shared-storage", CONNECTOR_SHARED_STORAGE],
  ["lmcache", CONNECTOR_SHARED_STORAGE],
  ["sglang", CONNECTOR_SGLANG],
  ["mooncake", CONNECTOR_MOONCAKE],
  ["offloading", CONNECTOR_OFFLOADING],
]);
export const CONNECTOR_NAMES = [...CONNECTORS.keys()];

export function connectorOf(name: string): number {
  return CONNECTORS.get(name) ?? CONNECTOR_NIXL;
}

/** What the label names, where that is not known here; undefined where it is, or there is none. */
export function unknownConnector(labels: Labels): string | undefined {
  const name = labels[CONNECTOR_LABEL];
  return name === undefined || name === "" || CONNECTORS.has(name) ? undefined : name;
}

/** Engines that have a connector of their own, whatever the pool's is. */
const ENGINE_LABEL = "llm-d.ai/engine-type";
const CONNECTORS_OF_ENGINES = new Map([["sglang", CONNECTOR_SGLANG]]);

/** The endpoint's own connector, or its engine's, or CONNECTOR_OF_POOL. */
export function ownConnector(labels: Labels): number {
  const named = CONNECTORS.get(labels[CONNECTOR_LABEL] ?? "");
  return named ?? CONNECTORS_OF_ENGINES.get(labels[ENGINE_LABEL] ?? "") ?? CONNECTOR_OF_POOL;
}

/** The connector in force there, by the name that people gave it. */
export function connectorText(labels: Labels, connectorOfPool: number): string {
  const named = labels[CONNECTOR_LABEL];
  if (named !== undefined && CONNECTORS.has(named)) return named;
  const own = ownConnector(labels);
  const connector = own === CONNECTOR_OF_POOL ? connectorOfPool : own;
  return CONNECTOR_NAMES.find((name) => CONNECTORS.get(name) === connector) ?? "";
}

/** Whether every endpoint that decodes needs a prompt read elsewhere: SGLang's refuse to read one. */
export function needPrefill(listed: readonly Labels[], connectorOfPool: number): boolean {
  const decoding = listed.filter((labels) => (rolesOf(labels) & ROLE_DECODE) !== 0);
  return decoding.length > 0 && decoding.every((labels) => readsElsewhere(labels, connectorOfPool));
}

function readsElsewhere(labels: Labels, connectorOfPool: number): boolean {
  const own = ownConnector(labels);
  return (own === CONNECTOR_OF_POOL ? connectorOfPool : own) === CONNECTOR_SGLANG;
}

const PORT_LABEL = "llm-d.ai/bootstrap-port";
/** SGLang's `--disaggregation-bootstrap-port`, and vLLM's VLLM_MOONCAKE_BOOTSTRAP_PORT. */
const PORT_STANDARD = 8998;
/** Of llm-d's sidecar; each rank has the next one. */
const OFFLOADING_PORT_STANDARD = 7777;

/** Where decode meets a prefill endpoint of this connector, beside its own port. */
export function meetingPortOf(labels: Labels, connector: number): number {
  const port = Number(labels[PORT_LABEL]);
  if (Number.isInteger(port) && port > 0 && port <= 65_535) return port;
  if (connector !== CONNECTOR_OFFLOADING) return PORT_STANDARD;
  return OFFLOADING_PORT_STANDARD + rankOf(labels);
}

const RANK_LABEL = "llm-d.ai/data-parallel-rank";
const RANK_MAX = 4095;

/** The data-parallel rank of the endpoint's engine. */
export function rankOf(labels: Labels): number {
  const rank = Number(labels[RANK_LABEL]);
  return Number.isInteger(rank) && rank > 0 && rank <= RANK_MAX ? rank : 0;
}

/** Where the endpoint's engine is asked for its name, if decode has to say it. */
export function bootstrapUrl(
  { address, labels }: { address: string; labels: Labels },
  connectorOfPool: number,
): string | undefined {
  const own = ownConnector(labels);
  const connector = own === CONNECTOR_OF_POOL ? connectorOfPool : own;
  if (connector !== CONNECTOR_MOONCAKE || (rolesOf(labels) & ROLE_PREFILL) === 0) return undefined;
  const host = address.includes(":") ? `[${address}]` : address;
  return `http://${host}:${meetingPortOf(labels, connector)}/query`;
}

/** As llm-d's sidecar names them: encodings are fetched from the encoder, or from a place both know. */
const ENCODINGS = new Map([
  ["ec-nixl", ENCODINGS_NIXL],
  ["ec-example", ENCODINGS_SHARED_STORAGE],
]);
export const ENCODINGS_NAMES = [...ENCODINGS.keys()];

export function encodingsOf(name: string): number {
  return ENCODINGS.get(name) ?? ENCODINGS_NIXL;
}

/** Prefill and decode of other revisions or other places than each other's are never paired. */
const GROUP_LABELS = ["llm-d.ai/revision", "llm-d.ai/topology"];

/** What partners share; empty where labels say nothing. */
export function groupOf(labels: Labels): string {
  const parts = GROUP_LABELS.map((name) => labels[name] ?? "");
  return parts.every((part) => part === "") ? "" : parts.join("\n");
}

const TENSOR_PARALLEL_LABEL = "llm-d.ai/tensor-parallel-size";

/** 0 where labels do not say. */
export function tensorParallelOf(labels: Labels): number {
  const size = Number(labels[TENSOR_PARALLEL_LABEL]);
  return Number.isInteger(size) && size > 0 && size <= 4096 ? size : 0;
}
