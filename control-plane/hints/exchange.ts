// One poll or one report, from its bytes to what is answered.
import { frameGeneration, frameVersion, sharedVersion } from "../../protocol/frame.ts";
import type { Gateway, Gateways } from "./gateways.ts";
import type { Hints } from "./hints.ts";
import type { LongPolls } from "./long-polls.ts";
import {
  callerOf,
  claimOfStranger,
  everyRecordIsSound,
  framesIn,
  type GatewayClaim,
  gatewayClaim,
  type Refusal,
  refusalOf,
  type SlotClaim,
  slotClaims,
} from "./read-frame.ts";
import type { Reports } from "./reports.ts";

export type Outcome =
  | { kind: "frame"; frame: Buffer }
  /** Nothing changed while the poll was held. */
  | { kind: "nothing" }
  /** The bytes are no frame of ours, or not a sound one; nothing of it took effect. */
  | { kind: "refused"; refusal: Refusal }
  /** No version of the protocol is spoken on both sides. */
  | { kind: "version"; theirs: Versions; ours: Versions }
  /** Its slots are another generation's; `frame` is empty and says which one is in force. */
  | { kind: "generation"; frame: Buffer }
  | { kind: "crowded" };

/** Protocol versions that somebody speaks. */
export interface Versions {
  versionMin: number;
  versionMax: number;
}

export interface ExchangeParts {
  versions: Versions;
  hints: Hints;
  gateways: Gateways;
  polls: LongPolls;
  reports: Reports;
  now(): number;
  /**
   * A gateway polls and says which slots it knows; before the first does, there are none. Resolves when
   * there are.
   */
  assignSlots(claims: SlotClaim[]): Promise<void>;
  /** A verified report took effect. */
  onReport(view: DataView): void;
}

interface Identified {
  gateway: Gateway;
  claim: GatewayClaim;
  /** Its records are of a version spoken here; of those of another nothing is taken. */
  isReadable: boolean;
}

export class Exchange {
  readonly #parts: ExchangeParts;

  constructor(parts: ExchangeParts) {
    this.#parts = parts;
  }

  /** `hungUp` is called back to say that nobody waits for the answer any more. */
  async poll(view: DataView, onHangUp: (callback: () => void) => void): Promise<Outcome> {
    const caller = this.#identify(view);
    if ("kind" in caller) return caller;
    const { hints, polls, assignSlots } = this.#parts;
    const { gateway, claim, isReadable } = caller;
    gateway.polls++;
    await assignSlots(isReadable ? slotClaims(view) : []);
    hints.renumberIfUsedUp();
    hints.greet(gateway, claim);
    onHangUp(() => polls.abandon(gateway, claim));
    const frame = await polls.hold(gateway, claim);
    gateway.lastContactMs = this.#parts.now();
    return frame ? { kind: "frame", frame } : { kind: "nothing" };
  }

  report(view: DataView): Outcome {
    const caller = this.#identify(view);
    if ("kind" in caller) return caller;
    const { hints, polls, reports, onReport } = this.#parts;
    const { gateway, isReadable } = caller;
    const frame = hints.receipt(gateway);
    if (!isReadable || frameGeneration(view, 0) !== hints.positions.generation)
      return { kind: "generation", frame };
    gateway.reports++;
    gateway.lastReportMs = this.#parts.now();
    reports.take(gateway, view, this.#parts.now());
    polls.notice();
    onReport(view);
    return { kind: "frame", frame };
  }

  /** Takes frames that gateways reported to another replica, one behind the other. */
  takeShared(frames: Buffer): void {
    const { versions, hints, gateways, polls, reports, now } = this.#parts;
    for (const view of framesIn(frames)) {
      const isOurs = frameGeneration(view, 0) === hints.positions.generation;
      if (!isOurs || refusalOf(view) || !speaks(versions, frameVersion(view, 0))) continue;
      if (!everyRecordIsSound(view)) continue;
      const version = sharedOf(versions, callerOf(view));
      const gateway = gateways.contact(gatewayClaim(view), version, now());
      if (gateway) reports.takeShared(gateway, view, now());
    }
    polls.notice();
  }

  #identify(view: DataView): Identified | Outcome {
    const refusal = refusalOf(view);
    if (refusal) return { kind: "refused", refusal };
    const { versions: ours, gateways } = this.#parts;
    const theirs = callerOf(view);
    const version = sharedOf(ours, theirs);
    if (version === 0) return { kind: "version", theirs, ours };
    const isReadable = speaks(ours, frameVersion(view, 0));
    if (isReadable && !everyRecordIsSound(view)) return { kind: "refused", refusal: "record" };
    const claim = isReadable ? gatewayClaim(view) : claimOfStranger(theirs);
    const nowMs = this.#parts.now();
    const gateway = gateways.contact(claim, version, nowMs);
    if (!gateway) return { kind: "crowded" };
    gateway.lastContactHereMs = nowMs;
    return { gateway, claim, isReadable };
  }
}

function sharedOf(a: Versions, b: Versions): number {
  return sharedVersion(a.versionMin, a.versionMax, b.versionMin, b.versionMax);
}

function speaks({ versionMin, versionMax }: Versions, version: number): boolean {
  return version >= versionMin && version <= versionMax;
}
