// A gateway for tests: speaks the wire with a control plane, over any way to post bytes.

import {
  FRAME_HEADER_BYTES,
  frameFlags,
  frameGeneration,
  frameVersion,
  RECORD_HEADER_BYTES,
  recordBytes,
  recordKind,
  verifyFrame,
} from "../../../protocol/frame.ts";
import { holderAge, holderSlot } from "../../../protocol/holders.ts";
import * as wire from "../../../protocol/records.ts";
import { beginFrame, type Records } from "./records-writer.ts";

export interface Answer {
  status: number;
  body: Buffer;
}

/** Posts bytes to a path of the control plane. */
export type Post = (path: string, body: Buffer<ArrayBuffer>) => Promise<Answer>;

interface ToldEndpoint {
  slot: number;
  address: string;
  pool: number;
  capacityBlocks: number;
  labels: number;
}

interface ToldLoad {
  slot: number;
  state: number;
  probeAgeMs: number;
  values: number[];
  waiting: number;
  running: number;
  kvUse: number;
  others: { requests: number; backlogBytes: number; residentBytes: number; unanswered: number };
  foreign: { waiting: number; requests: number };
  slowness: number;
  adapters: { most: number; active: number; waiting: number };
}

interface ToldPick {
  slot: number;
  flags: number;
  keys: [number, number][];
}

interface ToldEntries {
  slot: number;
  entries: { low: number; high: number; age: number }[];
}

/** A frame of hints, read. */
export interface Hints {
  version: number;
  flags: number;
  generation: number;
  kinds: number[];
  endpoints: ToldEndpoint[];
  loads: ToldLoad[];
  picks: ToldPick[];
  /** One of each slot. */
  entries: ToldEntries[];
  position: { table: number; loads: number; index: number; origin: number } | null;
  /** Bodies of the records that have no shape above, by kind. */
  bodies: Map<number, DataView>;
}

export interface PollOptions {
  holdMs?: number;
  versionMin?: number;
  versionMax?: number;
  /** The one the poll is written in. */
  version?: number;
  /** ENDPOINT records after the GATEWAY record. */
  claims?: { slot: number; address: string }[];
}

export class TestGateway {
  readonly #post: Post;
  readonly #id: Buffer;
  generation = 0;
  table = 0;
  loads = 0;
  index = 0;
  origin = 0;
  /** Ms since it was told its positions. */
  toldMs = 0;

  /** `name` becomes the gateway's id. */
  constructor(post: Post, name: string) {
    this.#post = post;
    this.#id = Buffer.alloc(16);
    this.#id.write(name);
  }

  /** Polls once and takes the position it is told. Null: 204. Throws on any other answer. */
  async poll(options: PollOptions = {}): Promise<Hints | null> {
    const { status, body } = await this.pollRaw(options);
    if (status === 204) return null;
    if (status !== 200) throw new Error(`The poll is answered ${status}: ${body.toString()}`);
    const hints = readHints(body);
    this.generation = hints.generation;
    if (hints.position) Object.assign(this, hints.position);
    return hints;
  }

  /** Polls until a frame satisfies `isIt`. */
  async pollUntil(isIt: (hints: Hints) => boolean, options: PollOptions = {}): Promise<Hints> {
    for (let poll = 0; poll < 200; poll++) {
      const hints = await this.poll({ holdMs: 200, ...options });
      if (hints && isIt(hints)) return hints;
    }
    throw new Error("No frame of 200 polls is the one waited for");
  }

  pollRaw(options: PollOptions = {}): Promise<Answer> {
    const frame = this.#begin(options);
    for (const { slot, address } of options.claims ?? []) frame.endpoint(slot, address);
    return this.#post("/v1/hints", frame.seal(this.generation, options.version));
  }

  /** Reports what `write` adds after the GATEWAY record. */
  report(write: (records: Records) => void): Promise<Answer> {
    const frame = this.#begin({});
    write(frame);
    return this.#post("/v1/reports", frame.seal(this.generation));
  }

  #begin({ holdMs = 0, versionMin = 1, versionMax = 1 }: PollOptions): Records {
    const { generation, table, loads, index, origin, toldMs } = this;
    const known = { generation, table, loads, index, origin, toldMs };
    return beginFrame({ id: this.#id, versionMin, versionMax, holdMs, ...known });
  }
}

/** Reads a frame as a gateway does; throws when it does not verify. */
export function readHints(body: Buffer): Hints {
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const verdict = verifyFrame(view, 0, body.length);
  if (verdict !== 0) throw new Error(`The frame does not verify: ${verdict}`);
  const hints: Hints = {
    version: frameVersion(view, 0),
    flags: frameFlags(view, 0),
    generation: frameGeneration(view, 0),
    ...{ kinds: [], endpoints: [], loads: [], picks: [], entries: [], position: null },
    bodies: new Map(),
  };
  for (let at = FRAME_HEADER_BYTES; at < body.length; ) {
    const bytes = recordBytes(view, at);
    const record = new DataView(body.buffer, body.byteOffset + at + RECORD_HEADER_BYTES, bytes);
    readRecord(hints, recordKind(view, at), record);
    at += RECORD_HEADER_BYTES + bytes;
  }
  return hints;
}

function readRecord(hints: Hints, kind: number, record: DataView): void {
  const field = (offset: number) => record.getUint32(offset, true);
  hints.kinds.push(kind);
  if (kind === wire.ENDPOINT) {
    const bytes = field(wire.ENDPOINT_ADDRESS_BYTES);
    const start = record.byteOffset + wire.ENDPOINT_BYTES;
    hints.endpoints.push({
      slot: field(wire.ENDPOINT_SLOT),
      address: Buffer.from(record.buffer, start, bytes).toString(),
      pool: field(wire.ENDPOINT_POOL),
      capacityBlocks: field(wire.ENDPOINT_CAPACITY_BLOCKS),
      labels: field(wire.ENDPOINT_LABELS),
    });
  } else if (kind === wire.LOAD) {
    hints.loads.push(readLoad(record));
  } else if (kind === wire.PICK) {
    const count = field(wire.PICK_KEYS);
    const keys = Array.from({ length: count }, (_, index): [number, number] => {
      const at = wire.PICK_BYTES + index * 8;
      return [field(at), field(at + 4)];
    });
    hints.picks.push({ slot: field(wire.PICK_SLOT), flags: field(wire.PICK_FLAGS), keys });
  } else if (kind === wire.ENTRIES) {
    readEntries(hints, field);
  } else if (kind === wire.POSITION) {
    hints.position = {
      table: field(wire.POSITION_TABLE),
      loads: field(wire.POSITION_LOADS),
      index: field(wire.POSITION_INDEX),
      origin: field(wire.POSITION_ORIGIN),
    };
  } else {
    hints.bodies.set(kind, record);
  }
}

function readEntries(hints: Hints, field: (offset: number) => number): void {
  const end = wire.ENTRIES_BYTES + field(wire.ENTRIES_COUNT) * wire.ENTRY_BYTES;
  for (let at = wire.ENTRIES_BYTES; at < end; at += wire.ENTRY_BYTES) {
    const holder = field(at + wire.ENTRY_HOLDER);
    const slot = holderSlot(holder);
    if (!hints.entries.some((told) => told.slot === slot))
      hints.entries.push({ slot, entries: [] });
    const told = hints.entries.find((entries) => entries.slot === slot)!;
    told.entries.push({ low: field(at), high: field(at + 4), age: holderAge(holder) });
  }
}

function readLoad(record: DataView): ToldLoad {
  const field = (offset: number) => record.getUint32(offset, true);
  return {
    slot: field(wire.LOAD_SLOT),
    state: field(wire.LOAD_STATE),
    probeAgeMs: field(wire.LOAD_PROBE_AGE_MS),
    values: Array.from({ length: field(wire.LOAD_VALUES) }, (_, number) => {
      const names = field(wire.LOAD_ADAPTERS_ACTIVE) + field(wire.LOAD_ADAPTERS_WAITING);
      return record.getFloat32(wire.LOAD_BYTES + names * 8 + number * 4, true);
    }),
    waiting: field(wire.LOAD_WAITING),
    running: field(wire.LOAD_RUNNING),
    kvUse: record.getFloat32(wire.LOAD_KV_USE, true),
    others: {
      requests: field(wire.LOAD_OTHER_REQUESTS),
      backlogBytes: field(wire.LOAD_OTHER_BACKLOG_BYTES),
      residentBytes: field(wire.LOAD_OTHER_RESIDENT_BYTES),
      unanswered: field(wire.LOAD_OTHER_UNANSWERED),
    },
    foreign: {
      waiting: field(wire.LOAD_FOREIGN_WAITING),
      requests: field(wire.LOAD_FOREIGN_REQUESTS),
    },
    slowness: record.getFloat32(wire.LOAD_SLOWNESS, true),
    adapters: {
      most: field(wire.LOAD_ADAPTERS_MOST),
      active: field(wire.LOAD_ADAPTERS_ACTIVE),
      waiting: field(wire.LOAD_ADAPTERS_WAITING),
    },
  };
}
