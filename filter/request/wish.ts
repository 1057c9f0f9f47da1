// What a pick needs to know of a request: numbers only.
import { HEADERS_MAX, LISTED_MAX } from "../../protocol/limits.ts";

export const NO_SESSION: i32 = -1;

const HEADERS: i32 = <i32>HEADERS_MAX;
const HEADER_MASK: u32 = HEADERS_MAX - 1;

export class Wish {
  /** u64 keys of the prompt in chain order, and how many. */
  keys: usize = 0;
  keyCount: u32 = 0;
  promptBytes: u32 = 0;
  modelName: u64 = 0;
  /** Hash of the objective's name; 0 where none is named. */
  objective: u64 = 0;
  priority: i32 = 0;
  /** The pool's profile that runs, or NO_PROFILE. */
  profile: i32 = 0;
  /** The endpoints that a header lists for FILTER_LISTED. */
  listed: StaticArray<u16> = new StaticArray<u16>(<i32>LISTED_MAX);
  listedCount: i32 = 0;
  private readonly hashes: StaticArray<u64> = new StaticArray<u64>(HEADERS);
  private readonly sessions: StaticArray<i32> = new StaticArray<i32>(HEADERS);

  begin(): void {
    this.keyCount = 0;
    this.promptBytes = 0;
    this.modelName = 0;
    this.objective = 0;
    this.priority = 0;
    this.profile = 0;
    this.listedCount = 0;
    this.hashes.fill(0);
    this.sessions.fill(NO_SESSION);
  }

  /** Hash of the value of the pool's header of this number; 0 where it is absent or empty. */
  hashOf(header: u32): u64 {
    return unchecked(this.hashes[header & HEADER_MASK]);
  }

  setHash(header: u32, hash: u64): void {
    unchecked((this.hashes[header & HEADER_MASK] = hash));
  }

  /** The endpoint which that header names, or NO_SESSION. */
  sessionOf(header: u32): i32 {
    return unchecked(this.sessions[header & HEADER_MASK]);
  }

  setSession(header: u32, slot: i32): void {
    unchecked((this.sessions[header & HEADER_MASK] = slot));
  }

  /** Whether a session's header names the endpoint. */
  isSessionOf(slot: i32): bool {
    for (let header = 0; header < HEADERS; header++) {
      if (unchecked(this.sessions[header]) === slot) return true;
    }
    return false;
  }

  lists(slot: u16): bool {
    for (let i = 0; i < this.listedCount; i++) {
      if (unchecked(this.listed[i]) === slot) return true;
    }
    return false;
  }
}
