// Numbers by which the two legs of a request meet. A machine counts, so that it makes none twice; what
// it counts is mixed by a function that makes no two numbers one, so that they look random; and each
// machine begins anywhere among 2^63, so that two make the same one as good as never:
//
//   count (63 bits) ─▶ × odd ─▶ ^ upper half ─▶ × odd ─▶ ^ upper half ─▶ number (63 bits)

/** What a signed number of 64 bits holds, as SGLang keeps rooms. */
const BITS: u64 = ~(<u64>0) >> 1;
/** Half of the bits: what is shifted by it and put on the lower half can be taken off again. */
const HALF: u64 = 32;
// splitmix64's odd multipliers, in two halves: the linter's JavaScript cannot say 64 bits at once.
const FIRST: u64 = ((<u64>0xbf58476d) << 32) | 0x1ce4e5b9;
const SECOND: u64 = ((<u64>0x94d049bb) << 32) | 0x133111eb;

let count: u64 = 0;

/** Where a machine begins to count: random bits. */
export function beginMeetings(start: u64): void {
  count = start;
}

/** A number from 1 on that this machine has not made before. */
export function nextMeeting(): u64 {
  let number: u64 = 0;
  while (number === 0) number = mixed(count++ & BITS);
  return number;
}

function mixed(value: u64): u64 {
  let number = (value * FIRST) & BITS;
  number ^= number >> HALF;
  number = (number * SECOND) & BITS;
  return number ^ (number >> HALF);
}
