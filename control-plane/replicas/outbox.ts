// What this replica's gateways reported, on its way to the other replicas: gathered for a moment, and
// kept within a bound while the shared store is away.

import { frameGeneration, frameVersion, RECORD_HEADER_BYTES } from "../../protocol/frame.ts";
import * as wire from "../../protocol/records.ts";
import { FrameWriter } from "../hints/frame-writer.ts";
import type { Gateway } from "../hints/gateways.ts";
import { eachRecord } from "../hints/read-frame.ts";

/** One entry of the stream, if several frames are in it. */
const ENTRY_BYTES_MAX = 1024 * 1024;
/** Some minutes of a busy gateway's picks. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** Handed back indexes stay out: each replica asks for them itself, where it lacks one. */
const SHARED_KINDS = new Set<number>([
  wire.GATEWAY,
  wire.FLIGHT,
  wire.PICK,
  wire.DONE,
  wire.FAILURE,
]);

export class Outbox {
  readonly #writer = new FrameWriter();
  #frames: Buffer[] = [];
  #bytes = 0;
  /** Frames that found no room. */
  dropped = 0;

  get isEmpty(): boolean {
    return this.#frames.length === 0;
  }

  /** Takes what others need of a verified report. */
  addReport(view: DataView): void {
    eachRecord(view, (kind, body, bytes) => {
      if (SHARED_KINDS.has(kind)) this.#writer.append(recordAt(view, body, bytes));
    });
    this.#add(this.#writer.seal(frameVersion(view, 0), 0, frameGeneration(view, 0)));
  }

  /** Says that a gateway is there, which has reported nothing. */
  addContact(gateway: Gateway, generation: number): void {
    const body = this.#writer.begin(wire.GATEWAY, wire.GATEWAY_BYTES);
    this.#writer.writeBytes(body + wire.GATEWAY_ID, Buffer.from(gateway.id, "hex"));
    const set = (offset: number, value: number) =>
      this.#writer.view.setUint32(body + offset, value, true);
    set(wire.GATEWAY_VERSION_MIN, gateway.versionMin);
    set(wire.GATEWAY_VERSION_MAX, gateway.versionMax);
    set(wire.GATEWAY_GENERATION, generation);
    this.#add(this.#writer.seal(gateway.version, 0, generation));
  }

  #add(frame: Buffer): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    this.#dropOldest();
  }

  #dropOldest(): void {
    while (this.#bytes > KEPT_BYTES_MAX) {
      this.#bytes -= this.#frames.shift()!.length;
      this.dropped++;
    }
  }

  /** Takes out as many frames as one entry may hold, the oldest first. */
  take(): Buffer {
    let count = 0;
    for (let bytes = 0; count < this.#frames.length; count++) {
      bytes += this.#frames[count]!.length;
      if (count > 0 && bytes > ENTRY_BYTES_MAX) break;
    }
    const taken = Buffer.concat(this.#frames.splice(0, count));
    this.#bytes -= taken.length;
    return taken;
  }

  /** Puts back what could not be sent, if there is still room for it. */
  putBack(frames: Buffer): void {
    this.#frames.unshift(frames);
    this.#bytes += frames.length;
    this.#dropOldest();
  }
}

function recordAt(view: DataView, body: number, bytes: number): Uint8Array {
  const start = view.byteOffset + body - RECORD_HEADER_BYTES;
  return new Uint8Array(view.buffer, start, RECORD_HEADER_BYTES + bytes);
}
