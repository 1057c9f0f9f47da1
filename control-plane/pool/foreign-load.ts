// Requests on an engine that passed no gateway of ours: what its gauges count beyond what gateways
// have in flight there. Gauges and reports are of slightly different moments, so only what several
// readings in a row show is believed.

const READINGS = 3;

/** What an engine has: its own count, or what gateways tell. */
export interface Counted {
  /** Not begun, or, of gateways, not answered. */
  waiting: number;
  requests: number;
}

const NOTHING: Counted = { waiting: 0, requests: 0 };

export class ForeignLoad {
  #latest: Counted[] = [];

  take(engine: Counted, gateways: Counted): void {
    const waiting = Math.max(0, engine.waiting - gateways.waiting);
    const requests = Math.max(0, engine.requests - gateways.requests);
    this.#latest = [...this.#latest.slice(1 - READINGS), { waiting, requests }];
  }

  /** Nothing is known of it any more. */
  clear(): void {
    this.#latest = [];
  }

  /** The least of the latest readings. */
  get counted(): Counted {
    if (this.#latest.length < READINGS) return NOTHING;
    return {
      waiting: Math.min(...this.#latest.map(({ waiting }) => waiting)),
      requests: Math.min(...this.#latest.map(({ requests }) => requests)),
    };
  }
}
