import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TransferContext } from "./context.ts";
import type { Connector, Leg, LegRequest } from "./leg.ts";

/**
 * Shared storage and LMCache: blocks that one server computed are read from a folder by all others, so
 * that requests carry nothing. A block is an empty file by the name of its key.
 */
export class SharedStorage implements Connector {
  readonly #context: TransferContext;
  readonly #folder: string;

  constructor(context: TransferContext, folder: string) {
    this.#context = context;
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  begin({ keys }: LegRequest): Leg {
    const { blockTokens } = this.#context.settings;
    const tokens = this.stored(keys) * blockTokens;
    const { link } = this.#context;
    return {
      kind: tokens > 0 ? "decode" : "prefill",
      ...(tokens > 0 ? { arrival: link.receive(tokens).then(() => tokens) } : {}),
      finished: () => {
        for (const key of keys) writeFileSync(this.#path(key), "");
        return {};
      },
    };
  }

  /** How many leading blocks are stored. */
  stored(keys: readonly number[]): number {
    const missing = keys.findIndex((key) => !existsSync(this.#path(key)));
    return missing < 0 ? keys.length : missing;
  }

  #path(key: number): string {
    return join(this.#folder, key.toString(16));
  }
}
