// Gateways tell models by hash; a label needs the name, and there must not be too many of them.
import { nameHash } from "../hints/name-hash.ts";

/** As upstream bounds its model label. */
const NAMES_MAX = 1000;
const UNKNOWN = "unknown";

export class ModelNames {
  readonly #byHigh = new Map<number, { low: number; name: string }>();

  /** Remembers a name that an engine or the configuration told. */
  learn(name: string): void {
    const { low, high } = nameHash(name);
    if (this.#byHigh.size < NAMES_MAX) this.#byHigh.set(high, { low, name });
  }

  nameOf(low: number, high: number): string {
    const found = this.#byHigh.get(high);
    return found?.low === low ? found.name : UNKNOWN;
  }
}
