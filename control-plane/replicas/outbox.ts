// What this replica's gateways reported, on its way to the other replicas: gathered for a moment, and
// kept within a bound while the shared store is away.

import { frameGeneration, frameVersion, RECORD_HEADER_BYTES } from "../../protocol/frame.ts";
import * as wire from "../../protocol/records.ts";
import { FrameWriter } from "../hints/frame-writer.ts";
import type { Gateway } from "../hints/gateways.ts";
import { eachRecord, framesIn } from "../hints/read-frame.ts";
import type { Share } from "../hints/shares.ts";

/** One entry of the stream, if several frames are in it. */
const ENTRY_BYTES_MAX = 1024 * 1024;
/** Some minutes of a busy gateway's picks. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;
/** A gateway may have moved to another replica meanwhile, and told that one what it has in flight. */
const FLIGHT_MS_MAX = 1_000;

/** Handed back indexes stay out: each replica asks for them itself, where it lacks one. */
const SHARED_KINDS = new Set<number>([
  wire.GATEWAY,
  wire.FLIGHT,
  wire.PICK,
  wire.DONE,
  wire.FAILURE,
]);

/** Frames one behind the other, none of them older than this. */
export interface Waiting {
  frames: Buffer;
  sinceMs: number;
}

export class Outbox {
  readonly #writer = new FrameWriter();
  #waiting: Waiting[] = [];
  #bytes = 0;
  /** Reports that found no room, or are of no use any more. */
  dropped = 0;

  get isEmpty(): boolean {
    return this.#waiting.length === 0;
  }

  /** Takes what others need of a verified report. */
  addReport(view: DataView, nowMs: number): void {
    this.#add(
      this.#copied(view, (kind) => SHARED_KINDS.has(kind)),
      nowMs,
    );
  }

  /** Says that a gateway is there, which has reported nothing. */
  addContact(gateway: Gateway, generation: number, nowMs: number): void {
    this.#writeGateway(gateway, generation);
    this.#add(this.#writer.seal(gateway.version, 0, generation), nowMs);
  }

  /** Says what a gateway has in flight, as if it reported all of it at once. */
  addShares(
    gateway: Gateway,
    generation: number,
    shares: Iterable<readonly [slot: number, share: Share]>,
    nowMs: number,
  ): void {
    this.#writeGateway(gateway, generation);
    for (const [slot, share] of shares) {
      const body = this.#writer.begin(wire.FLIGHT, wire.FLIGHT_BYTES);
      const set = (offset: number, value: number) =>
        this.#writer.view.setUint32(body + offset, value, true);
      set(wire.FLIGHT_SLOT, slot);
      set(wire.FLIGHT_REQUESTS, share.requests);
      set(wire.FLIGHT_BACKLOG_BYTES, share.backlogBytes);
      set(wire.FLIGHT_RESIDENT_BYTES, share.residentBytes);
      set(wire.FLIGHT_UNANSWERED, share.unanswered);
    }
    this.#add(this.#writer.seal(gateway.version, 0, generation), nowMs);
  }

  /**
   * Takes out as many frames as one entry may hold, the oldest first. What was in flight when those
   * were reported that have waited long is left out: it is over, and may have been told since.
   */
  take(nowMs: number): Waiting {
    let count = 0;
    for (let bytes = 0; count < this.#waiting.length; count++) {
      bytes += this.#waiting[count]!.frames.length;
      if (count > 0 && bytes > ENTRY_BYTES_MAX) break;
    }
    const taken = this.#waiting.splice(0, count);
    for (const { frames } of taken) this.#bytes -= frames.length;
    const frames = taken.map((one) =>
      nowMs - one.sinceMs > FLIGHT_MS_MAX ? this.#withoutFlight(one.frames) : one.frames,
    );
    return { frames: Buffer.concat(frames), sinceMs: taken[0]?.sinceMs ?? nowMs };
  }

  /** Puts back what could not be sent, if there is still room for it. */
  putBack(unsent: Waiting): void {
    if (unsent.frames.length === 0) return;
    this.#waiting.unshift(unsent);
    this.#bytes += unsent.frames.length;
    this.#dropOldest();
  }

  /** Slots in what waits stand for other endpoints: nobody may be told. */
  clear(): void {
    this.dropped += this.#waiting.length;
    this.#waiting = [];
    this.#bytes = 0;
  }

  #writeGateway(gateway: Gateway, generation: number): void {
    const body = this.#writer.begin(wire.GATEWAY, wire.GATEWAY_BYTES);
    this.#writer.writeBytes(body + wire.GATEWAY_ID, Buffer.from(gateway.id, "hex"));
    const set = (offset: number, value: number) =>
      this.#writer.view.setUint32(body + offset, value, true);
    set(wire.GATEWAY_VERSION_MIN, gateway.versionMin);
    set(wire.GATEWAY_VERSION_MAX, gateway.versionMax);
    set(wire.GATEWAY_GENERATION, generation);
  }

  #withoutFlight(frames: Buffer): Buffer {
    const kept = [...framesIn(frames)].map((view) =>
      this.#copied(view, (kind) => kind !== wire.FLIGHT),
    );
    return Buffer.concat(kept);
  }

  #copied(view: DataView, isWanted: (kind: number) => boolean): Buffer {
    eachRecord(view, (kind, body, bytes) => {
      if (isWanted(kind)) this.#writer.append(recordAt(view, body, bytes));
    });
    return this.#writer.seal(frameVersion(view, 0), 0, frameGeneration(view, 0));
  }

  #add(frames: Buffer, sinceMs: number): void {
    this.#waiting.push({ frames, sinceMs });
    this.#bytes += frames.length;
    this.#dropOldest();
  }

  #dropOldest(): void {
    while (this.#bytes > KEPT_BYTES_MAX) {
      this.#bytes -= this.#waiting.shift()!.frames.length;
      this.dropped++;
    }
  }
}

function recordAt(view: DataView, body: number, bytes: number): Uint8Array {
  const start = view.byteOffset + body - RECORD_HEADER_BYTES;
  return new Uint8Array(view.buffer, start, RECORD_HEADER_BYTES + bytes);
}
