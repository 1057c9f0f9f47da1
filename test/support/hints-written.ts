// Hints for tests, from plain objects to the bytes a control plane would send: what it can say, and
// what it never would.

import { FrameWriter } from "../../control-plane/hints/frame-writer.ts";
import { nameHash } from "../../control-plane/hints/name-hash.ts";
import { writeRewrites } from "../../control-plane/hints/rewrite-records.ts";
import {
  type Settings,
  writeAdmission,
  writeModels,
  writeSettings,
} from "../../control-plane/hints/table-records.ts";
import type { ToldRule } from "../../control-plane/pool/rewrites.ts";
import type { StepBody } from "../../control-plane/scoring/plugin.ts";
import { FLAG_WHOLE_TABLE, padded } from "../../protocol/frame.ts";
import { holderOf } from "../../protocol/holders.ts";
import { VERSION_MAX } from "../../protocol/limits.ts";
import * as profile from "../../protocol/profile.ts";
import * as wire from "../../protocol/records.ts";
import {
  type DisaggregationHint,
  type RoleHint,
  writeDisaggregation,
  writeRole,
} from "./disaggregation-written.ts";
import { writeEncoding } from "./encoding-written.ts";
import { record, type SetField } from "./record-written.ts";

export const GENERATION = 77;
const SETTINGS: Settings = {
  staleMs: 5_000,
  blindMs: 30_000,
  bodyBytesMax: 8 * 1024 * 1024,
  heldBytesMax: 16 * 1024 * 1024,
  walkBytesMax: 4 * 1024 * 1024,
  reportMs: 50,
  indexKeysMax: 65_536,
  fallbacks: 2,
  mode: "active",
  isExplained: true,
  isLogged: false,
  disaggregation: { connector: 0, encodings: 0, failure: 0, timeoutMs: 0, tries: 0 },
};

export interface StepHint {
  readonly operation: number;
  readonly weight?: number;
  readonly parameters?: readonly number[];
  /** Parameters are written as u32, all or none; without it, as the operation has them. */
  readonly whole?: boolean;
}

interface ProfileHint {
  readonly name: string;
  readonly steps: readonly StepHint[];
}

export interface PoolHint {
  readonly number?: number;
  readonly name?: string;
  readonly blockBytes?: number;
  readonly bytesPerToken?: number;
  readonly headers?: readonly string[];
  /** The steps of the one profile, where `profiles` names none. */
  readonly steps?: readonly StepHint[];
  readonly profiles?: readonly ProfileHint[];
  readonly profileHeader?: number;
  readonly defaultProfile?: number;
  readonly isAside?: boolean;
  readonly disaggregation?: DisaggregationHint;
}

interface LoadHint {
  readonly state?: number;
  readonly probeAgeMs?: number;
  /** Value 0, where `values` names none. */
  readonly score?: number;
  /** Numbers; a bigint is a value's four bytes. */
  readonly values?: readonly (number | bigint)[];
  readonly waiting?: number;
  readonly running?: number;
  readonly kvUse?: number;
  readonly otherRequests?: number;
  readonly otherBacklogBytes?: number;
  readonly otherResidentBytes?: number;
  readonly otherUnanswered?: number;
  readonly foreignWaiting?: number;
  readonly foreignRequests?: number;
  readonly slowness?: number;
  readonly adaptersMost?: number;
  readonly adaptersActive?: readonly string[];
  readonly adaptersWaiting?: readonly string[];
}

export interface EndpointHint extends LoadHint, RoleHint {
  readonly slot: number;
  readonly address?: string;
  readonly pool?: number;
  readonly labels?: number;
  readonly capacityBlocks?: number;
}

interface PickHint {
  readonly slot: number;
  readonly keys: readonly bigint[];
  readonly flags?: number;
  readonly uncachedBytes?: number;
  /** Blocks of the prompt; one a key where it is not given. */
  readonly blocks?: number;
}

interface EntriesHint {
  readonly slot: number;
  readonly entries: readonly { readonly key: bigint; readonly ageBlocks: number }[];
}

interface AdmissionHint {
  readonly pool?: number;
  readonly rules?: readonly StepBody[];
  /** Priorities by name. */
  readonly objectives: Readonly<Record<string, number>>;
}

interface ModelsHint {
  /** Pool numbers by model. */
  readonly poolOf: Readonly<Record<string, number>>;
  readonly areAll?: boolean;
  readonly text?: string;
}

/** What one frame of hints says. With `pools`, it is a whole table. */
export interface HintsHint {
  readonly generation?: number;
  readonly flags?: number;
  readonly version?: number;
  readonly settings?: Partial<Settings>;
  readonly pools?: readonly PoolHint[];
  readonly models?: ModelsHint;
  readonly rewrites?: readonly ToldRule[];
  readonly admission?: readonly AdmissionHint[];
  readonly endpoints?: readonly EndpointHint[];
  readonly loads?: readonly (LoadHint & { readonly slot: number })[];
  readonly picks?: readonly PickHint[];
  readonly entries?: readonly EntriesHint[];
  readonly position?: {
    readonly table: number;
    readonly loads: number;
    readonly index: number;
    readonly origin?: number;
  };
}

/** A cost without β and ρ: γ 2, α 1.5, ω 0.07, ghost credit 0.1. */
export const TOKEN_COST: StepHint = {
  operation: profile.SCORE_TOKEN_COST,
  parameters: [2, 1.5, 0.07, 0.1, 6],
};

export function addressOf(slot: number): string {
  return `10.0.${slot >> 8}.${(slot & 255) + 1}:8000`;
}

/** A whole table with one pool of `count` endpoints that are up. */
export function tableOf(count: number, hints: HintsHint = {}, pool: PoolHint = {}): Buffer {
  const endpoints = Array.from({ length: count }, (_, slot) => ({ slot }));
  return hintsFrame({ pools: [pool], endpoints, ...hints });
}

export function hintsFrame(hints: HintsHint): Buffer {
  const writer = new FrameWriter();
  const isWhole = hints.pools !== undefined;
  if (isWhole) writeSettings(writer, { ...SETTINGS, ...hints.settings });
  for (const pool of hints.pools ?? []) writePool(writer, pool);
  for (const endpoint of hints.endpoints ?? []) writeEndpoint(writer, endpoint);
  writeDisaggregations(writer, hints);
  if (hints.models) writeModelsHint(writer, hints.models);
  writeRewrites(writer, hints.rewrites ?? []);
  writeAdmissions(writer, hints.admission);
  for (const load of [...(hints.endpoints ?? []), ...(hints.loads ?? [])]) writeLoad(writer, load);
  for (const pick of hints.picks ?? []) writePick(writer, pick);
  for (const entries of hints.entries ?? []) writeEntries(writer, entries);
  writePosition(writer, hints.position ?? { table: 1, loads: 1, index: 1 });
  const flags = hints.flags ?? (isWhole ? FLAG_WHOLE_TABLE : 0);
  return writer.seal(hints.version ?? VERSION_MAX, flags, hints.generation ?? GENERATION);
}

function writeModelsHint(writer: FrameWriter, models: ModelsHint): void {
  const { poolOf, areAll = true, text = "[]" } = models;
  writeModels(writer, { poolOf: new Map(Object.entries(poolOf)), areAll, text });
}

function writeAdmissions(writer: FrameWriter, all: readonly AdmissionHint[] = []): void {
  for (const { pool = 0, rules = [], objectives } of all) {
    writeAdmission(writer, pool, rules, objectives);
  }
}

function writePool(writer: FrameWriter, pool: PoolHint): void {
  const name = Buffer.from(pool.name ?? "pool");
  const headers = Buffer.from((pool.headers ?? []).map((header) => `${header}\0`).join(""));
  const profiles = pool.profiles ?? [{ name: "default", steps: pool.steps ?? [TOKEN_COST] }];
  const steps = profiles.flatMap((one) => one.steps);
  const stepsAt = wire.POOL_BYTES + profiles.length * wire.PROFILE_BYTES;
  const nameAt = stepsAt + steps.length * profile.STEP_BYTES;
  const headersAt = nameAt + padded(name.length);
  record(writer, wire.POOL, headersAt + padded(headers.length), (set, view, body) => {
    const cluster = nameHash(name.toString());
    set(wire.POOL_NUMBER, pool.number ?? 0);
    set(wire.POOL_CLUSTER_LOW, cluster.low);
    set(wire.POOL_CLUSTER_HIGH, cluster.high);
    set(wire.POOL_BLOCK_BYTES, pool.blockBytes ?? 1024);
    set(wire.POOL_TOKEN_MILLIBYTES, (pool.bytesPerToken ?? 4) * 1000);
    set(wire.POOL_PROFILES, profiles.length);
    set(wire.POOL_STEPS, steps.length);
    set(wire.POOL_NAME_BYTES, name.length);
    set(wire.POOL_HEADERS_BYTES, headers.length);
    set(wire.POOL_PROFILE_HEADER, pool.profileHeader ?? wire.NO_NUMBER);
    set(wire.POOL_DEFAULT_PROFILE, pool.defaultProfile ?? wire.NO_NUMBER);
    set(wire.POOL_FLAGS, pool.isAside ? wire.POOL_FLAG_ASIDE : 0);
    for (const [index, one] of profiles.entries()) {
      const { low, high } = nameHash(one.name);
      const at = wire.POOL_BYTES + index * wire.PROFILE_BYTES;
      set(at + wire.PROFILE_NAME_LOW, low);
      set(at + wire.PROFILE_NAME_HIGH, high);
      set(at + wire.PROFILE_STEPS, one.steps.length);
    }
    for (const [index, step] of steps.entries()) {
      writeStep(view, body + stepsAt + index * profile.STEP_BYTES, step);
    }
    writer.writeBytes(body + nameAt, name);
    writer.writeBytes(body + headersAt, headers);
  });
}

function writeStep(view: DataView, at: number, step: StepHint): void {
  view.setUint32(at + profile.STEP_OPERATION, step.operation, true);
  view.setFloat32(at + profile.STEP_WEIGHT, step.weight ?? 1, true);
  const whole = profile.wholeParameters(step.operation);
  for (const [index, value] of (step.parameters ?? []).entries()) {
    const place = at + profile.STEP_PARAMETERS + index * 4;
    if (step.whole ?? index < whole) view.setUint32(place, value, true);
    else view.setFloat32(place, value, true);
  }
}

function writeEndpoint(writer: FrameWriter, endpoint: EndpointHint): void {
  const address = Buffer.from(endpoint.address ?? addressOf(endpoint.slot));
  record(writer, wire.ENDPOINT, wire.ENDPOINT_BYTES + padded(address.length), (set, _, body) => {
    set(wire.ENDPOINT_SLOT, endpoint.slot);
    set(wire.ENDPOINT_POOL, endpoint.pool ?? 0);
    set(wire.ENDPOINT_LABELS, endpoint.labels ?? 0);
    set(wire.ENDPOINT_CAPACITY_BLOCKS, endpoint.capacityBlocks ?? 1000);
    set(wire.ENDPOINT_ADDRESS_BYTES, address.length);
    writer.writeBytes(body + wire.ENDPOINT_BYTES, address);
  });
}

function writeDisaggregations(
  writer: FrameWriter,
  { pools = [], endpoints = [] }: HintsHint,
): void {
  for (const { number, disaggregation } of pools) {
    if (!disaggregation) continue;
    writeDisaggregation(writer, number ?? 0, disaggregation);
    if (disaggregation.encoding) writeEncoding(writer, number ?? 0, disaggregation.encoding);
  }
  for (const endpoint of endpoints) writeRole(writer, endpoint);
}

function writeMeasured(load: LoadHint, set: SetField, view: DataView, body: number): void {
  set(wire.LOAD_FOREIGN_WAITING, load.foreignWaiting ?? 0);
  set(wire.LOAD_FOREIGN_REQUESTS, load.foreignRequests ?? 0);
  view.setFloat32(body + wire.LOAD_SLOWNESS, load.slowness ?? 1, true);
}

function writeLoad(writer: FrameWriter, load: LoadHint & { readonly slot: number }): void {
  const active = load.adaptersActive ?? [];
  const names = [...active, ...(load.adaptersWaiting ?? [])].map(nameHash);
  const values = load.values ?? (load.score === undefined ? [] : [load.score]);
  const valuesAt = wire.LOAD_BYTES + names.length * 8;
  record(writer, wire.LOAD, valuesAt + values.length * 4, (set, view, body) => {
    set(wire.LOAD_SLOT, load.slot);
    set(wire.LOAD_STATE, load.state ?? wire.STATE_UP);
    set(wire.LOAD_PROBE_AGE_MS, load.probeAgeMs ?? 0);
    set(wire.LOAD_WAITING, load.waiting ?? 0);
    set(wire.LOAD_RUNNING, load.running ?? 0);
    view.setFloat32(body + wire.LOAD_KV_USE, load.kvUse ?? 0, true);
    set(wire.LOAD_OTHER_REQUESTS, load.otherRequests ?? 0);
    set(wire.LOAD_OTHER_BACKLOG_BYTES, load.otherBacklogBytes ?? 0);
    set(wire.LOAD_OTHER_RESIDENT_BYTES, load.otherResidentBytes ?? 0);
    set(wire.LOAD_OTHER_UNANSWERED, load.otherUnanswered ?? 0);
    writeMeasured(load, set, view, body);
    set(wire.LOAD_ADAPTERS_MOST, load.adaptersMost ?? 0);
    set(wire.LOAD_ADAPTERS_ACTIVE, active.length);
    set(wire.LOAD_ADAPTERS_WAITING, names.length - active.length);
    set(wire.LOAD_VALUES, values.length);
    for (const [index, { low, high }] of names.entries()) {
      set(wire.LOAD_BYTES + index * 8, low);
      set(wire.LOAD_BYTES + index * 8 + 4, high);
    }
    for (const [number, value] of values.entries()) {
      const at = valuesAt + number * 4;
      if (typeof value === "bigint") set(at, Number(value));
      else view.setFloat32(body + at, value, true);
    }
  });
}

function writePick(writer: FrameWriter, pick: PickHint): void {
  record(writer, wire.PICK, wire.PICK_BYTES + pick.keys.length * 8, (set, view, body) => {
    set(wire.PICK_SLOT, pick.slot);
    set(wire.PICK_FLAGS, pick.flags ?? 0);
    set(wire.PICK_UNCACHED_BYTES, pick.uncachedBytes ?? 0);
    set(wire.PICK_BLOCKS, pick.blocks ?? pick.keys.length);
    set(wire.PICK_KEYS, pick.keys.length);
    for (const [index, key] of pick.keys.entries()) {
      view.setBigUint64(body + wire.PICK_BYTES + index * 8, key, true);
    }
  });
}

function writeEntries(writer: FrameWriter, { slot, entries }: EntriesHint): void {
  const bytes = wire.ENTRIES_BYTES + entries.length * wire.ENTRY_BYTES;
  record(writer, wire.ENTRIES, bytes, (set, view, body) => {
    set(wire.ENTRIES_COUNT, entries.length);
    for (const [index, { key, ageBlocks }] of entries.entries()) {
      const at = wire.ENTRIES_BYTES + index * wire.ENTRY_BYTES;
      view.setBigUint64(body + at, key, true);
      set(at + wire.ENTRY_HOLDER, holderOf(slot, ageBlocks));
    }
  });
}

function writePosition(writer: FrameWriter, position: NonNullable<HintsHint["position"]>): void {
  record(writer, wire.POSITION, wire.POSITION_BYTES, (set) => {
    set(wire.POSITION_TABLE, position.table);
    set(wire.POSITION_LOADS, position.loads);
    set(wire.POSITION_INDEX, position.index);
    set(wire.POSITION_ORIGIN, position.origin ?? 1);
  });
}
