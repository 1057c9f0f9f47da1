// One pool of the table: its endpoints and the profile that picks among them.
import { PROFILE_STEPS_MAX } from "../../protocol/limits.ts";
import {
  PICK_MAX_SCORE,
  STEP_BYTES,
  STEP_OPERATION,
  STEP_PARAMETERS,
  STEP_WEIGHT,
} from "../../protocol/profile.ts";
import { equals, Text } from "../host/memory.ts";

const NAME_BYTES_MAX: u32 = 128;
const SPACE: u8 = 0x20;
const QUOTE: u8 = 0x22;
const QUESTION_MARK: u8 = 0x3f;
const BACKSLASH: u8 = 0x5c;
const DELETE: u8 = 0x7f;
/** What a request is taken to bring before any was seen, in prompt bytes. */
const MEAN_UNCACHED_START: f64 = 4_096;
const MEAN_GAIN: f64 = 0.05;

export class Pool {
  isUsed: bool = false;
  clusterLow: u32 = 0;
  clusterHigh: u32 = 0;
  blockBytes: u32 = 1024;
  bytesPerToken: f64 = 4;
  slots: StaticArray<u16>;
  slotCount: i32 = 0;
  steps: i32 = 0;
  nameAt: usize = heap.alloc(NAME_BYTES_MAX);
  nameBytes: u32 = 0;
  /** Name of the header that carries a client's session; empty when the profile has no use for it. */
  session: Text = new Text("");
  /** Moving mean of what a pick found uncached, in bytes. */
  meanUncached: f64 = MEAN_UNCACHED_START;
  private program: usize = heap.alloc(PROFILE_STEPS_MAX * STEP_BYTES);

  constructor(endpointsMax: i32) {
    this.slots = new StaticArray<u16>(endpointsMax);
  }

  setProgram(at: usize, steps: i32): void {
    memory.copy(this.program, at, <usize>steps * <usize>STEP_BYTES);
    this.steps = steps;
  }

  setSession(at: usize, bytes: u32): void {
    if (equals(at, bytes, this.session)) return;
    this.session = new Text(String.UTF8.decodeUnsafe(at, bytes));
  }

  /** The name stands in JSON and in headers: what would end either becomes a question mark. */
  setName(at: usize, bytes: u32): void {
    this.nameBytes = min(bytes, NAME_BYTES_MAX);
    for (let i: u32 = 0; i < this.nameBytes; i++) {
      const byte = load<u8>(at + i);
      const isPlain = byte >= SPACE && byte < DELETE && byte !== QUOTE && byte !== BACKSLASH;
      store<u8>(this.nameAt + i, isPlain ? byte : QUESTION_MARK);
    }
  }

  operation(step: i32): u32 {
    return load<u32>(this.stepAt(step) + <usize>STEP_OPERATION);
  }

  weight(step: i32): f64 {
    return <f64>load<f32>(this.stepAt(step) + <usize>STEP_WEIGHT);
  }

  parameter(step: i32, index: i32): f64 {
    return <f64>load<f32>(this.stepAt(step) + <usize>STEP_PARAMETERS + ((<usize>index) << 2));
  }

  parameterBits(step: i32, index: i32): u32 {
    return load<u32>(this.stepAt(step) + <usize>STEP_PARAMETERS + ((<usize>index) << 2));
  }

  /** The picker's step, or -1: then the best score is picked. */
  pickerStep(): i32 {
    const last = this.steps - 1;
    return last >= 0 && this.operation(last) >= PICK_MAX_SCORE ? last : -1;
  }

  addEndpoint(slot: u32): void {
    if (this.slotCount >= this.slots.length) return;
    unchecked((this.slots[this.slotCount] = <u16>slot));
    this.slotCount++;
  }

  learnUncached(bytes: f64): void {
    this.meanUncached += MEAN_GAIN * (bytes - this.meanUncached);
  }

  private stepAt(step: i32): usize {
    return this.program + <usize>step * <usize>STEP_BYTES;
  }
}
