// The last picks as records, so that each gateway can be told what the others picked. Bounded in
// records and bytes; a gateway that falls behind it is given the whole index instead.
import { LastChange } from "./last-change.ts";

const LOG_RECORDS_MAX = 65_536;
const LOG_BYTES_MAX = 16 * 1024 * 1024;

interface Logged {
  sequence: number;
  gateway: number;
  record: Uint8Array;
  atMs: number;
}

export class PickLog {
  readonly #recordsMax: number;
  readonly #bytesMax: number;
  #records: Logged[] = [];
  /** Records before this place in `#records` have been let go. */
  #start = 0;
  #bytes = 0;
  readonly #added = new LastChange();
  readonly #evicted = new LastChange();

  constructor(recordsMax = LOG_RECORDS_MAX, bytesMax = LOG_BYTES_MAX) {
    this.#recordsMax = recordsMax;
    this.#bytesMax = bytesMax;
  }

  /** `record` is header and body; it is copied. Sequences and times ascend. */
  add(sequence: number, gateway: number, record: Uint8Array, atMs: number): void {
    this.#records.push({ sequence, gateway, record: record.slice(), atMs });
    this.#bytes += record.length;
    this.#added.note(sequence, gateway);
    while (this.#records.length - this.#start > this.#recordsMax || this.#bytes > this.#bytesMax) {
      this.#evictOldest();
    }
  }

  /** The sequence of the last pick before `atMs`; 0 when none of those here is that old. */
  sequenceBefore(atMs: number): number {
    const at = this.#firstWhere((logged) => logged.atMs >= atMs);
    return at > this.#start ? this.#records[at - 1]!.sequence : 0;
  }

  /** Whether another gateway's pick is newer than `sequence`. */
  hasNews(sequence: number, gateway: number): boolean {
    return this.#added.byOthers(gateway) > sequence;
  }

  /** Whether another gateway's pick after `sequence` is no longer here. */
  isBehind(sequence: number, gateway: number): boolean {
    return this.#evicted.byOthers(gateway) > sequence;
  }

  /**
   * Hands over other gateways' records after `sequence`, oldest first, up to `bytesMax`. Answers
   * the sequence up to which everything has been told, or null when all of it has.
   */
  read(
    sequence: number,
    gateway: number,
    bytesMax: number,
    take: (record: Uint8Array) => void,
  ): number | null {
    let bytes = 0;
    const first = this.#firstWhere((logged) => logged.sequence > sequence);
    for (let at = first; at < this.#records.length; at++) {
      const logged = this.#records[at]!;
      if (logged.gateway === gateway) continue;
      bytes += logged.record.length;
      if (bytes > bytesMax) return logged.sequence - 1;
      take(logged.record);
    }
    return null;
  }

  clear(): void {
    this.#records = [];
    this.#start = 0;
    this.#bytes = 0;
    this.#added.clear();
    this.#evicted.clear();
  }

  #evictOldest(): void {
    const oldest = this.#records[this.#start++]!;
    this.#bytes -= oldest.record.length;
    this.#evicted.note(oldest.sequence, oldest.gateway);
    if (2 * this.#start < this.#records.length) return;
    this.#records = this.#records.slice(this.#start);
    this.#start = 0;
  }

  /** The first place of which `isAfter` holds, and with it of all behind. */
  #firstWhere(isAfter: (logged: Logged) => boolean): number {
    let low = this.#start;
    let high = this.#records.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isAfter(this.#records[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
