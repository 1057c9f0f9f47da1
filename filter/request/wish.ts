// What a pick needs to know of a request: numbers only.

export const NO_SESSION: i32 = -1;

export class Wish {
  /** u64 keys of the prompt in chain order, and how many. */
  keys: usize = 0;
  keyCount: u32 = 0;
  promptBytes: u32 = 0;
  modelName: u64 = 0;
  /** The endpoint the client's session names, or NO_SESSION. */
  sessionSlot: i32 = NO_SESSION;
}
