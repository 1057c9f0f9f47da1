// One pool of the table: its endpoints and the profiles that pick among them.
import {
  GHOST_SIZE_MAX,
  HEADERS_MAX,
  POOL_STEPS_MAX,
  PROFILES_MAX,
} from "../../protocol/limits.ts";
import {
  FILTER_LISTED,
  FILTER_SESSION,
  PICK_MAX_SCORE,
  SCORE_SESSION,
  SCORE_TOKEN_COST,
  STEP_BYTES,
  STEP_OPERATION,
  STEP_PARAMETERS,
  STEP_WEIGHT,
} from "../../protocol/profile.ts";
import {
  NO_NUMBER,
  PROFILE_BYTES,
  PROFILE_NAME_LOW,
  PROFILE_STEPS,
} from "../../protocol/records.ts";
import { equals, Text } from "../host/memory.ts";

/** No profile has the name that the request gives. */
export const NO_PROFILE: i32 = -1;
/** What steps want of a header: the endpoint it names, or those it lists. */
export const NAMES_ENDPOINT: u32 = 1;
export const LISTS_ENDPOINTS: u32 = 2;

const NAME_BYTES_MAX: u32 = 128;
const SPACE: u8 = 0x20;
const QUOTE: u8 = 0x22;
const QUESTION_MARK: u8 = 0x3f;
const BACKSLASH: u8 = 0x5c;
const DELETE: u8 = 0x7f;
/** What a request is taken to bring before any was seen, in prompt bytes, none of them cached. */
const MEAN_START: f64 = 4_096;
const MEAN_GAIN: f64 = 0.05;

export class Pool {
  isUsed: bool = false;
  /** It leaves, or has just come: requests are for it only where their route says so. */
  isAside: bool = false;
  clusterLow: u32 = 0;
  clusterHigh: u32 = 0;
  blockBytes: u32 = 1024;
  bytesPerToken: f64 = 4;
  slots: StaticArray<u16>;
  slotCount: i32 = 0;
  /** Steps of the profile that `useProfile` chose last; the questions below are about them. */
  steps: i32 = 0;
  headerCount: i32 = 0;
  profileHeader: u32 = NO_NUMBER;
  defaultProfile: u32 = NO_NUMBER;
  /** How far back it matters what an endpoint held, as a multiple of its capacity; 1 is not at all. */
  ghostSize: f64 = 1;
  nameAt: usize = heap.alloc(NAME_BYTES_MAX);
  nameBytes: u32 = 0;
  /** Moving mean of what a pick found uncached, in bytes. */
  meanUncached: f64 = MEAN_START;
  /** How much was computed on the pool's endpoints: the exponent of a measure in `renewal.ts`. */
  renewals: f64 = 0;
  /** What that makes of a share of a cache which is computed at the moment. */
  renewalWeight: f64 = 1;
  /** Moving mean of a prompt's bytes. */
  meanPrompt: f64 = MEAN_START;
  private profileCount: i32 = 0;
  private readonly profiles: usize = heap.alloc(PROFILES_MAX * PROFILE_BYTES);
  private readonly program: usize = heap.alloc(POOL_STEPS_MAX * STEP_BYTES);
  private firstStep: usize = 0;
  private readonly headers: Text[] = [];
  private readonly headerUses: StaticArray<u32> = new StaticArray<u32>(<i32>HEADERS_MAX);

  constructor(endpointsMax: i32) {
    this.slots = new StaticArray<u16>(endpointsMax);
  }

  setProfiles(at: usize, profiles: u32, program: usize, steps: u32): void {
    memory.copy(this.profiles, at, profiles * PROFILE_BYTES);
    memory.copy(this.program, program, steps * STEP_BYTES);
    this.profileCount = <i32>profiles;
    this.useProfile(0);
    this.headerUses.fill(0);
    this.ghostSize = 1;
    for (let step: u32 = 0; step < steps; step++) {
      this.noteHeader(step);
      this.noteGhosts(step);
    }
  }

  private noteHeader(step: u32): void {
    const at = this.program + step * STEP_BYTES;
    const operation = load<u32>(at + <usize>STEP_OPERATION);
    const number = load<u32>(at + <usize>STEP_PARAMETERS) & (HEADERS_MAX - 1);
    let use: u32 = 0;
    if (operation === FILTER_SESSION || operation === SCORE_SESSION) use = NAMES_ENDPOINT;
    else if (operation === FILTER_LISTED) use = LISTS_ENDPOINTS;
    unchecked((this.headerUses[number] = this.headerUses[number] | use));
  }

  private noteGhosts(step: u32): void {
    const at = this.program + step * STEP_BYTES;
    if (load<u32>(at + <usize>STEP_OPERATION) !== SCORE_TOKEN_COST) return;
    const credit = load<f32>(at + <usize>STEP_PARAMETERS + (3 << 2));
    const size = <f64>load<f32>(at + <usize>STEP_PARAMETERS + (4 << 2));
    if (credit > 0) this.ghostSize = max(this.ghostSize, min(<f64>GHOST_SIZE_MAX, size));
  }

  /** Names with a zero behind each. A name is made once, and again only where it is another. */
  setHeaders(at: usize, bytes: u32): void {
    this.headerCount = 0;
    let start: u32 = 0;
    for (let i: u32 = 0; i < bytes; i++) {
      if (load<u8>(at + i) !== 0) continue;
      this.addHeader(at + start, i - start);
      start = i + 1;
    }
  }

  private addHeader(at: usize, bytes: u32): void {
    const number = this.headerCount++;
    if (number < this.headers.length) {
      if (equals(at, bytes, this.headers[number])) return;
      this.headers[number] = new Text(String.UTF8.decodeUnsafe(at, bytes));
    } else {
      this.headers.push(new Text(String.UTF8.decodeUnsafe(at, bytes)));
    }
  }

  header(number: i32): Text {
    return unchecked(this.headers[number]);
  }

  /** What steps of any profile want of this header, as flags. */
  headerUse(number: i32): u32 {
    return unchecked(this.headerUses[number]);
  }

  /** The profile that runs where the request's header has this hash; 0 is no header. */
  profileFor(name: u64): i32 {
    if (this.profileHeader === NO_NUMBER || this.profileCount <= 1) return 0;
    if (name === 0) {
      return this.defaultProfile < <u32>this.profileCount ? <i32>this.defaultProfile : NO_PROFILE;
    }
    for (let profile = 0; profile < this.profileCount; profile++) {
      if (load<u64>(this.profileAt(profile) + <usize>PROFILE_NAME_LOW) === name) return profile;
    }
    return NO_PROFILE;
  }

  useProfile(profile: i32): void {
    this.firstStep = this.program;
    this.steps = 0;
    for (let i = 0; i <= profile && i < this.profileCount; i++) {
      this.firstStep += <usize>this.steps * <usize>STEP_BYTES;
      this.steps = <i32>load<u32>(this.profileAt(i) + <usize>PROFILE_STEPS);
    }
  }

  private profileAt(profile: i32): usize {
    return this.profiles + <usize>profile * <usize>PROFILE_BYTES;
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

  /** Learns from a pick what prompts are long and how much of them is found in no cache. */
  learn(promptBytes: f64, uncachedBytes: f64): void {
    this.meanPrompt += MEAN_GAIN * (promptBytes - this.meanPrompt);
    this.meanUncached += MEAN_GAIN * (uncachedBytes - this.meanUncached);
  }

  /** Share of prompts' bytes that picks find cached lately; 0 where prompts have no bytes. */
  foundShare(): f64 {
    return this.meanUncached >= this.meanPrompt ? 0 : 1 - this.meanUncached / this.meanPrompt;
  }

  private stepAt(step: i32): usize {
    return this.firstStep + <usize>step * <usize>STEP_BYTES;
  }
}
