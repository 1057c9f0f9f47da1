import { nameOf, WasmResult } from "./abi.ts";

/** One host call: from which callback, its arguments in short, and what the host answered. */
export interface HostCall {
  readonly callback: string;
  readonly call: string;
  readonly operands: readonly (string | number)[];
  readonly result: number;
  /** Copied into the filter's memory or out of it; single numbers are not counted. */
  readonly copiedBytes: number;
}

const ENTRIES_MAX = 100_000;

/** Every host call of a request or of a VM's root context, in order. */
export class Ledger {
  #entries: HostCall[] = [];

  get entries(): readonly HostCall[] {
    return this.#entries;
  }

  add(entry: HostCall): void {
    if (this.#entries.length === ENTRIES_MAX) {
      this.#entries = this.#entries.slice(ENTRIES_MAX / 2);
    }
    this.#entries.push(entry);
  }

  /** The host functions called, in order; from one callback, if it is named. */
  names(callback?: string): string[] {
    return this.#entries
      .filter((entry) => callback === undefined || entry.callback === callback)
      .map((entry) => entry.call);
  }

  /** One line a call: `proxy_on_tick: proxy_get_shared_data(hints) NotFound`. */
  lines(callback?: string): string[] {
    return this.#entries
      .filter((entry) => callback === undefined || entry.callback === callback)
      .map((entry) => {
        const result = entry.result === WasmResult.Ok ? "" : ` ${nameOf(WasmResult, entry.result)}`;
        return `${entry.callback}: ${entry.call}(${entry.operands.join(", ")})${result}`;
      });
  }

  clear(): void {
    this.#entries = [];
  }
}
