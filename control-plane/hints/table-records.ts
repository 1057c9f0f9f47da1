// The records of a whole table but loads: settings, pools with their profiles, endpoints.

import * as encoding from "../../protocol/encoding-records.ts";
import { padded } from "../../protocol/frame.ts";
import * as profile from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";
import type { EncodingPlan } from "../config/disaggregation.ts";
import type { Endpoint } from "../pool/endpoint.ts";
import type { ServedModels } from "../pool/models.ts";
import type { NumberedPool } from "../pool/pool.ts";
import {
  groupOf,
  meetingPortOf,
  ownConnector,
  rankOf,
  rolesOf,
  tensorParallelOf,
} from "../pool/roles.ts";
import type { StepBody } from "../scoring/plugin.ts";
import type { Mode, Objectives } from "../settings.ts";
import type { FrameWriter } from "./frame-writer.ts";
import { nameHash } from "./name-hash.ts";

export interface Settings {
  /** Age of the last answer past which pushed scores fade, and past which they count no more. */
  staleMs: number;
  blindMs: number;
  bodyBytesMax: number;
  heldBytesMax: number;
  walkBytesMax: number;
  reportMs: number;
  indexKeysMax: number;
  /** Endpoints named after the pick, for retries. */
  fallbacks: number;
  mode: Mode;
  /** Clients may ask why. */
  isExplained: boolean;
  /** Picks are left where Envoy's access log finds them. */
  isLogged: boolean;
  disaggregation: DisaggregationSettings;
}

/** Of every pool that disaggregates. */
export interface DisaggregationSettings {
  /** A connector of the wire; endpoints may have others. */
  connector: number;
  /** How encodings come to who reads the prompt: ENCODINGS_…. */
  encodings: number;
  /** When prefill fails: FAILURE_…. */
  failure: number;
  timeoutMs: number;
  /** Prefill endpoints tried for one request. */
  tries: number;
}

const MODE_FLAGS: Readonly<Record<Mode, number>> = {
  active: 0,
  shadow: wire.SETTINGS_FLAG_SHADOW,
  off: wire.SETTINGS_FLAG_OFF,
};

function settingsFlags({ mode, isExplained, isLogged }: Settings): number {
  const explain = isExplained ? wire.SETTINGS_FLAG_EXPLAIN : 0;
  const log = isLogged ? wire.SETTINGS_FLAG_ACCESS_LOG : 0;
  return MODE_FLAGS[mode] | explain | log;
}

export function writeSettings(writer: FrameWriter, settings: Settings): void {
  const body = writer.begin(wire.SETTINGS, wire.SETTINGS_BYTES);
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  set(wire.SETTINGS_STALE_MS, settings.staleMs);
  set(wire.SETTINGS_BLIND_MS, settings.blindMs);
  set(wire.SETTINGS_BODY_BYTES, settings.bodyBytesMax);
  set(wire.SETTINGS_HELD_BYTES, settings.heldBytesMax);
  set(wire.SETTINGS_WALK_BYTES, settings.walkBytesMax);
  set(wire.SETTINGS_REPORT_MS, settings.reportMs);
  set(wire.SETTINGS_FLAGS, settingsFlags(settings));
  set(wire.SETTINGS_INDEX_KEYS, settings.indexKeysMax);
  set(wire.SETTINGS_FALLBACKS, settings.fallbacks);
}

export function writePool(writer: FrameWriter, pool: NumberedPool): void {
  const { profiles, headers, choice } = pool.scheduling;
  const steps = profiles.flatMap((one) => one.steps);
  const name = Buffer.from(pool.name);
  const headerNames = Buffer.from(headers.map((header) => `${header}\0`).join(""));
  const stepsAt = wire.POOL_BYTES + profiles.length * wire.PROFILE_BYTES;
  const nameAt = stepsAt + steps.length * profile.STEP_BYTES;
  const headersAt = nameAt + padded(name.length);
  const body = writer.begin(wire.POOL, headersAt + padded(headerNames.length));
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  const cluster = nameHash(pool.name);
  set(wire.POOL_NUMBER, pool.number);
  set(wire.POOL_CLUSTER_LOW, cluster.low);
  set(wire.POOL_CLUSTER_HIGH, cluster.high);
  set(wire.POOL_BLOCK_BYTES, pool.blockBytes);
  set(wire.POOL_TOKEN_MILLIBYTES, Math.round(pool.bytesPerToken * 1000));
  set(wire.POOL_PROFILES, profiles.length);
  set(wire.POOL_STEPS, steps.length);
  set(wire.POOL_NAME_BYTES, name.length);
  set(wire.POOL_HEADERS_BYTES, headerNames.length);
  set(wire.POOL_PROFILE_HEADER, choice?.header ?? wire.NO_NUMBER);
  set(wire.POOL_DEFAULT_PROFILE, choice?.defaultProfile ?? wire.NO_NUMBER);
  set(wire.POOL_FLAGS, pool.isAside ? wire.POOL_FLAG_ASIDE : 0);
  for (const [index, one] of profiles.entries()) {
    const at = wire.POOL_BYTES + index * wire.PROFILE_BYTES;
    const { low, high } = nameHash(one.name);
    set(at + wire.PROFILE_NAME_LOW, low);
    set(at + wire.PROFILE_NAME_HIGH, high);
    set(at + wire.PROFILE_STEPS, one.steps.length);
  }
  for (const [index, step] of steps.entries()) {
    writeStep(writer.view, body + stepsAt + index * profile.STEP_BYTES, step, step.weight);
  }
  writer.writeBytes(body + nameAt, name);
  writer.writeBytes(body + headersAt, headerNames);
}

const PARAMETERS_MAX = (profile.STEP_BYTES - profile.STEP_PARAMETERS) / 4;

function writeStep(view: DataView, at: number, step: StepBody, weight: number): void {
  view.setUint32(at + profile.STEP_OPERATION, step.operation, true);
  view.setFloat32(at + profile.STEP_WEIGHT, weight, true);
  const whole = profile.wholeParameters(step.operation);
  for (const [index, value] of step.parameters.slice(0, PARAMETERS_MAX).entries()) {
    const place = at + profile.STEP_PARAMETERS + index * 4;
    if (index < whole) view.setUint32(place, value, true);
    else view.setFloat32(place, value, true);
  }
}

/** Of a pool with objectives: the others have no request of a priority below 0. */
export function writeAdmission(
  writer: FrameWriter,
  pool: number,
  rules: readonly StepBody[],
  objectives: Objectives,
): void {
  const entries = Object.entries(objectives);
  const entriesAt = wire.ADMISSION_BYTES + rules.length * profile.STEP_BYTES;
  const bytes = entriesAt + entries.length * wire.OBJECTIVE_BYTES;
  const body = writer.begin(wire.ADMISSION, bytes);
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  set(wire.ADMISSION_POOL, pool);
  set(wire.ADMISSION_RULES, rules.length);
  set(wire.ADMISSION_OBJECTIVES, entries.length);
  for (const [index, rule] of rules.entries()) {
    const at = body + wire.ADMISSION_BYTES + index * profile.STEP_BYTES;
    writeStep(writer.view, at, rule, NO_WEIGHT);
  }
  for (const [index, [name, priority]] of entries.entries()) {
    const { low, high } = nameHash(name);
    const at = entriesAt + index * wire.OBJECTIVE_BYTES;
    set(at + wire.OBJECTIVE_NAME_LOW, low);
    set(at + wire.OBJECTIVE_NAME_HIGH, high);
    writer.view.setInt32(body + at + wire.OBJECTIVE_PRIORITY, priority, true);
  }
}

const NO_WEIGHT = 0;

/** Nothing for a pool that does not disaggregate. */
export function writeDisaggregation(
  writer: FrameWriter,
  pool: NumberedPool,
  settings: DisaggregationSettings,
): void {
  const plan = pool.scheduling.disaggregation;
  if (plan === undefined) return;
  const body = writer.begin(wire.DISAGGREGATION, wire.DISAGGREGATION_BYTES);
  const { view } = writer;
  const set = (offset: number, value: number) => view.setUint32(body + offset, value, true);
  set(wire.DISAGGREGATION_POOL, pool.number);
  set(wire.DISAGGREGATION_FLAGS, plan.hasRoles ? wire.DISAGGREGATION_FLAG_ROLES : 0);
  set(wire.DISAGGREGATION_DECIDER, plan.decider);
  for (const [index, value] of plan.parameters.entries()) {
    view.setFloat32(body + wire.DISAGGREGATION_PARAMETERS + index * 4, value, true);
  }
  set(wire.DISAGGREGATION_DECODE, plan.decode);
  set(wire.DISAGGREGATION_PREFILL, plan.prefill);
  set(wire.DISAGGREGATION_TRANSFERRED, plan.transferred);
  set(wire.DISAGGREGATION_CONNECTOR, settings.connector);
  set(wire.DISAGGREGATION_FAILURE, settings.failure);
  set(wire.DISAGGREGATION_TIMEOUT_MS, settings.timeoutMs);
  set(wire.DISAGGREGATION_TRIES, settings.tries);
  if (plan.encoding) writeEncoding(writer, pool.number, plan.encoding, settings.encodings);
  for (const endpoint of pool.endpoints()) writeRole(writer, endpoint, settings.connector);
}

function writeEncoding(
  writer: FrameWriter,
  pool: number,
  { decider, parameters, profile }: EncodingPlan,
  connector: number,
): void {
  const body = writer.begin(encoding.ENCODING, encoding.ENCODING_BYTES);
  const { view } = writer;
  const set = (offset: number, value: number) => view.setUint32(body + offset, value, true);
  set(encoding.ENCODING_POOL, pool);
  set(encoding.ENCODING_DECIDER, decider);
  for (const [index, value] of parameters.entries()) {
    view.setFloat32(body + encoding.ENCODING_PARAMETERS + index * 4, value, true);
  }
  set(encoding.ENCODING_PROFILE, profile);
  set(encoding.ENCODING_CONNECTOR, connector);
}

function writeRole(writer: FrameWriter, endpoint: Endpoint, connectorOfPool: number): void {
  const { slot, engineIds, discovered } = endpoint;
  const { labels } = discovered;
  if (slot === null) return;
  const own = ownConnector(labels);
  const rank = rankOf(labels);
  const engine = Buffer.from(engineIds.get(rank) ?? "");
  const body = writer.begin(wire.ROLE, wire.ROLE_BYTES + padded(engine.length));
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  const group = groupOf(labels);
  const { low, high } = group === "" ? { low: 0, high: 0 } : nameHash(group);
  set(wire.ROLE_SLOT, slot);
  set(wire.ROLE_ROLES, rolesOf(labels));
  set(wire.ROLE_CONNECTOR, own);
  set(wire.ROLE_GROUP_LOW, low);
  set(wire.ROLE_GROUP_HIGH, high);
  set(wire.ROLE_TENSOR_PARALLEL, tensorParallelOf(labels));
  set(
    wire.ROLE_PORT,
    meetingPortOf(labels, own === wire.CONNECTOR_OF_POOL ? connectorOfPool : own),
  );
  set(wire.ROLE_RANK, rank);
  set(wire.ROLE_ENGINE_BYTES, engine.length);
  writer.writeBytes(body + wire.ROLE_BYTES, engine);
}

/** Nothing where there is but one pool. */
export function writeModels(writer: FrameWriter, models: ServedModels): void {
  const { poolOf, areAll, text } = models;
  if (text === "") return;
  const list = Buffer.from(text);
  const textAt = wire.MODELS_BYTES + poolOf.size * wire.MODEL_BYTES;
  const body = writer.begin(wire.MODELS, textAt + padded(list.length));
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  set(wire.MODELS_COUNT, poolOf.size);
  set(wire.MODELS_FLAGS, areAll ? wire.MODELS_FLAG_ALL : 0);
  set(wire.MODELS_TEXT_BYTES, list.length);
  for (const [index, [name, pool]] of [...poolOf].entries()) {
    const { low, high } = nameHash(name);
    const at = wire.MODELS_BYTES + index * wire.MODEL_BYTES;
    set(at + wire.MODEL_NAME_LOW, low);
    set(at + wire.MODEL_NAME_HIGH, high);
    set(at + wire.MODEL_POOL, pool);
  }
  writer.writeBytes(body + textAt, list);
}

export function writeEndpoint(writer: FrameWriter, pool: NumberedPool, endpoint: Endpoint): void {
  if (endpoint.slot === null) return;
  const address = Buffer.from(endpoint.address);
  const body = writer.begin(wire.ENDPOINT, wire.ENDPOINT_BYTES + padded(address.length));
  const set = (offset: number, value: number) => writer.view.setUint32(body + offset, value, true);
  set(wire.ENDPOINT_SLOT, endpoint.slot);
  set(wire.ENDPOINT_POOL, pool.number);
  set(wire.ENDPOINT_LABELS, endpoint.labelBits);
  set(wire.ENDPOINT_CAPACITY_BLOCKS, endpoint.toldCapacityBlocks);
  set(wire.ENDPOINT_ADDRESS_BYTES, address.length);
  writer.writeBytes(body + wire.ENDPOINT_BYTES, address);
}
