// What each gateway has in flight on each slot, absolute, and the sums over all gateways.
import { SLOTS_MAX } from "../../protocol/limits.ts";

/** One gateway's share of one slot, or a sum of them. */
export interface Share {
  requests: number;
  /** Uncached prompt bytes that have not been answered yet. */
  backlogBytes: number;
  /** Prompt bytes of all requests in flight. */
  residentBytes: number;
  /** Requests with a prompt of which no byte of the answer came. */
  unanswered: number;
}

const FIELDS = 4;

export class Shares {
  readonly #byGateway = new Map<number, Float64Array>();
  readonly #sums = new Float64Array(SLOTS_MAX * FIELDS);

  /** Replaces a gateway's share of a slot. Answers whether it is another one. */
  set(gateway: number, slot: number, share: Share): boolean {
    const own = this.#sharesOf(gateway);
    const { requests, backlogBytes, residentBytes, unanswered } = share;
    const values = [requests, backlogBytes, residentBytes, unanswered];
    let isNews = false;
    for (let field = 0; field < FIELDS; field++) {
      const at = slot * FIELDS + field;
      const change = values[field]! - own[at]!;
      isNews ||= change !== 0;
      own[at]! += change;
      this.#sums[at]! += change;
    }
    return isNews;
  }

  /** One gateway's own. */
  of(gateway: number, slot: number): Share {
    const own = this.#byGateway.get(gateway);
    return shareOf((field) => own?.[slot * FIELDS + field] ?? 0);
  }

  /** The sum over all gateways but this one; 0 names no gateway. */
  others(gateway: number, slot: number): Share {
    const own = this.#byGateway.get(gateway);
    return shareOf((field) => {
      const at = slot * FIELDS + field;
      return this.#sums[at]! - (own?.[at] ?? 0);
    });
  }

  /** Forgets a gateway. Answers the slots it had something on. */
  dropGateway(gateway: number): number[] {
    const slots: number[] = [];
    for (let slot = 0; slot < SLOTS_MAX; slot++) {
      if (this.set(gateway, slot, NOTHING)) slots.push(slot);
    }
    this.#byGateway.delete(gateway);
    return slots;
  }

  dropSlot(slot: number): void {
    for (const gateway of this.#byGateway.keys()) this.set(gateway, slot, NOTHING);
  }

  #sharesOf(gateway: number): Float64Array {
    let shares = this.#byGateway.get(gateway);
    if (!shares) {
      shares = new Float64Array(SLOTS_MAX * FIELDS);
      this.#byGateway.set(gateway, shares);
    }
    return shares;
  }
}

function shareOf(field: (index: number) => number): Share {
  return {
    requests: field(0),
    backlogBytes: field(1),
    residentBytes: field(2),
    unanswered: field(3),
  };
}

const NOTHING: Share = { requests: 0, backlogBytes: 0, residentBytes: 0, unanswered: 0 };
