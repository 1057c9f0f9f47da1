import type { Json } from "../api/dialect.ts";
import { requireSame, wrongField } from "./fields.ts";

/** Ids that are remembered after their use, so that a second use is told from an unknown one. */
const USED_MAX = 100_000;

/** A computed prompt whose blocks wait for a decode server. */
export interface Offer {
  promptTokens: number;
  fingerprint: number;
  /** The request id that the prefill leg came with; empty where with none. */
  requestId: string;
  /** What a claim has to repeat, field by field. */
  handedOut: Json;
  free(): void;
}

/** What a decode server says of the prompt that it wants. */
export interface Claim {
  id: string;
  promptTokens: number;
  fingerprint: number;
  requestId: string;
  /** The fields that its request came with. */
  fields: Json;
}

interface Rendezvous {
  hasPrefill: boolean;
  hasDecode: boolean;
  offered: PromiseWithResolvers<Offer>;
  claimed: PromiseWithResolvers<void>;
  isHeld: boolean;
  cancelLease(): void;
}

/**
 * The prefill side of transfers, by id. The two legs may come in either order; an id serves one of
 * each. Blocks that nobody has claimed when their lease ends are freed.
 */
export class Offers {
  readonly counts = { offered: 0, claimed: 0, expired: 0 };
  /** What the id and the fields beside it are called in requests, such as `kv_transfer_params.`. */
  readonly #place: string;
  readonly #idName: string;
  readonly #open = new Map<string, Rendezvous>();
  /** Insertion order is age. */
  readonly #used = new Set<string>();

  constructor(place: string, idName: string) {
    this.#place = place;
    this.#idName = idName;
  }

  /** Prompts whose blocks are held. */
  get held(): number {
    return [...this.#open.values()].filter(({ isHeld }) => isHeld).length;
  }

  /**
   * A prefill leg begins; resolves when a decode server has come for it. Throws when the id was used.
   */
  begin(id: string): Promise<void> {
    const rendezvous = this.#at(id);
    if (rendezvous.hasPrefill) throw this.#wrongId(`${id} was used before`);
    rendezvous.hasPrefill = true;
    return rendezvous.claimed.promise;
  }

  /** The prompt is computed. `lease` calls `expire` when its time is over, and returns what stops it. */
  offer(id: string, offer: Offer, lease: (expire: () => void) => () => void): void {
    const rendezvous = this.#at(id);
    rendezvous.hasPrefill = true;
    rendezvous.isHeld = true;
    this.counts.offered++;
    rendezvous.cancelLease = lease(() => {
      this.counts.expired++;
      this.#close(id);
      offer.free();
    });
    rendezvous.offered.resolve(offer);
  }

  /** A prefill leg ended without a prompt. Who waits for it goes on waiting, as in the engines. */
  fail(id: string): void {
    if (this.#open.get(id)?.hasDecode === false) this.#close(id);
  }

  /**
   * Resolves, when the prompt is computed, to how many tokens of it there are, and frees its blocks.
   * Throws when the id was used, when `mustBeKnown` and it is not, or when the claim names something
   * that was not handed out.
   */
  async claim(claim: Claim, mustBeKnown: boolean): Promise<number> {
    const { id } = claim;
    if (mustBeKnown && !this.#used.has(id) && !this.#open.has(id)) {
      throw this.#wrongId(`${id} is unknown here`);
    }
    const rendezvous = this.#at(id);
    if (rendezvous.hasDecode) throw this.#wrongId(`${id} was used before`);
    rendezvous.hasDecode = true;
    rendezvous.claimed.resolve();
    const offer = await rendezvous.offered.promise;
    try {
      this.#requireMatch(claim, offer);
    } catch (error) {
      rendezvous.hasDecode = false;
      throw error;
    }
    rendezvous.cancelLease();
    this.counts.claimed++;
    this.#close(id);
    offer.free();
    return offer.promptTokens;
  }

  #requireMatch(claim: Claim, offer: Offer): void {
    requireSame(this.#place, claim.fields, offer.handedOut);
    const { promptTokens, fingerprint, requestId } = offer;
    if (claim.fingerprint !== fingerprint || claim.promptTokens !== promptTokens) {
      throw wrongField("prompt", "is not the one that the prefill leg came with");
    }
    if (claim.requestId !== requestId) {
      throw wrongField("x-request-id", `is '${claim.requestId}', the prefill's '${requestId}'`);
    }
  }

  #at(id: string): Rendezvous {
    if (this.#used.has(id)) throw this.#wrongId(`${id} was used before, or its lease is over`);
    const found = this.#open.get(id);
    if (found) return found;
    const made = {
      hasPrefill: false,
      hasDecode: false,
      offered: Promise.withResolvers<Offer>(),
      claimed: Promise.withResolvers<void>(),
      isHeld: false,
      cancelLease() {},
    };
    this.#open.set(id, made);
    return made;
  }

  #close(id: string): void {
    this.#open.delete(id);
    this.#used.add(id);
    if (this.#used.size <= USED_MAX) return;
    const [oldest] = this.#used;
    this.#used.delete(oldest as string);
  }

  #wrongId(what: string) {
    return wrongField(`${this.#place}${this.#idName}`, what);
  }
}
