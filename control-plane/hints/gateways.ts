// The gateways that poll and report, each a small number here.
import type { GatewayClaim } from "./read-frame.ts";

/** A gateway that neither polls nor reports for so long is forgotten. */
const SILENCE_MS = 10_000;
/** Gateways at once; callers hold the token, so this only bounds a mistake. */
export const GATEWAYS_MAX = 1024;

export interface Gateway {
  /** From 1; 0 is nobody. */
  number: number;
  id: string;
  versionMin: number;
  versionMax: number;
  /** The version both speak. */
  version: number;
  /** Here, or, as they tell, with another replica. */
  lastContactMs: number;
  /** With this replica. */
  lastContactHereMs: number;
  lastAnswerMs: number;
  lastReportMs: number | null;
  polls: number;
  reports: number;
  /** It has taken an answer of this process. */
  hasHeardUs: boolean;
  /**
   * It lacks this index: in every list, the keys from this place on are still to be told. Null when
   * it lacks none.
   */
  entriesFrom: number | null;
}

export class Gateways {
  readonly #byId = new Map<string, Gateway>();
  #next = 1;

  get count(): number {
    return this.#byId.size;
  }

  all(): IterableIterator<Gateway> {
    return this.#byId.values();
  }

  /** The gateway that makes this contact; null when there are too many. */
  contact(claim: GatewayClaim, version: number, nowMs: number): Gateway | null {
    let gateway = this.#byId.get(claim.id);
    if (!gateway) {
      if (this.#byId.size >= GATEWAYS_MAX) return null;
      gateway = this.#begin(claim);
    }
    gateway.versionMin = claim.versionMin;
    gateway.versionMax = claim.versionMax;
    gateway.version = version;
    gateway.lastContactMs = nowMs;
    return gateway;
  }

  /** Forgets silent gateways and answers them. `isHeld`: a poll of it is being held. */
  sweep(nowMs: number, isHeld: (gateway: Gateway) => boolean): Gateway[] {
    const gone: Gateway[] = [];
    for (const gateway of this.#byId.values()) {
      if (nowMs - gateway.lastContactMs < SILENCE_MS || isHeld(gateway)) continue;
      this.#byId.delete(gateway.id);
      gone.push(gateway);
    }
    return gone;
  }

  #begin(claim: GatewayClaim): Gateway {
    const gateway: Gateway = {
      number: this.#next++,
      id: claim.id,
      versionMin: claim.versionMin,
      versionMax: claim.versionMax,
      version: 0,
      lastContactMs: 0,
      lastContactHereMs: Number.NEGATIVE_INFINITY,
      lastAnswerMs: Number.NEGATIVE_INFINITY,
      lastReportMs: null,
      polls: 0,
      reports: 0,
      hasHeardUs: false,
      entriesFrom: null,
    };
    this.#byId.set(claim.id, gateway);
    return gateway;
  }
}
