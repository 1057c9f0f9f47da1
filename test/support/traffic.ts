// Requests one after the other over one connection, while something else happens.

import { setTimeout as sleep } from "node:timers/promises";
import type { PinnedConnection } from "./pinned-connection.ts";

const PAUSE_MS = 2;

export class Traffic {
  #isOver = false;
  #failed = 0;
  #served = 0;
  /** How old hints were, in what was explained. */
  readonly stages = new Set<string>();
  readonly #done: Promise<void>;

  constructor(connection: PinnedConnection) {
    this.#done = this.#run(connection);
  }

  /** Ends it; answers how many failed, and whether there were any that did not. */
  async end(): Promise<{ failed: number; some: boolean }> {
    this.#isOver = true;
    await this.#done;
    return { failed: this.#failed, some: this.#served > 0 };
  }

  async #run(connection: PinnedConnection): Promise<void> {
    while (!this.#isOver) {
      const { status, explanation } = await connection.ask("hello");
      if (explanation) this.stages.add(explanation.stage);
      if (status === 200) this.#served++;
      else this.#failed++;
      await sleep(PAUSE_MS);
    }
  }
}
