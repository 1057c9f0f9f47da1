// One poll or one report, from its bytes to what is answered.
import { FRAME_HEADER_BYTES, frameGeneration, frameVersion } from "../../protocol/frame.ts";
import { VERSION_MAX, VERSION_MIN } from "../../protocol/limits.ts";
import type { Gateway, Gateways } from "./gateways.ts";
import type { Hints } from "./hints.ts";
import type { LongPolls } from "./long-polls.ts";
import {
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
  | { kind: "version"; versionMin: number; versionMax: number }
  /** Its slots are another generation's; `frame` is empty and says which one is in force. */
  | { kind: "generation"; frame: Buffer }
  | { kind: "crowded" };

export interface ExchangeParts {
  hints: Hints;
  gateways: Gateways;
  polls: LongPolls;
  reports: Reports;
  now(): number;
  /** The first gateway of all polls and says which slots it knows: before that there are none. */
  assignSlots(claims: SlotClaim[]): void;
}

interface Caller {
  gateway: Gateway;
  claim: GatewayClaim;
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
    const { gateway, claim } = caller;
    gateway.polls++;
    assignSlots(slotClaims(view));
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
    const { hints, polls, reports } = this.#parts;
    const { gateway } = caller;
    const frame = hints.receipt(gateway);
    if (frameGeneration(view, 0) !== hints.positions.generation)
      return { kind: "generation", frame };
    gateway.reports++;
    gateway.lastReportMs = this.#parts.now();
    reports.take(gateway, view);
    polls.notice();
    return { kind: "frame", frame };
  }

  #identify(view: DataView): Caller | Outcome {
    const refusal = refusalOf(view);
    if (refusal === "version") return refusedVersion(view);
    if (refusal) return { kind: "refused", refusal };
    const claim = gatewayClaim(view);
    const version = agreedVersion(claim.versionMin, claim.versionMax);
    if (version === null) return { kind: "version", ...claim };
    const gateway = this.#parts.gateways.contact(claim, version, this.#parts.now());
    return gateway ? { gateway, claim } : { kind: "crowded" };
  }
}

/** The highest version both sides speak, or null. */
function agreedVersion(versionMin: number, versionMax: number): number | null {
  const highest = Math.min(versionMax, VERSION_MAX);
  return highest >= Math.max(versionMin, VERSION_MIN) ? highest : null;
}

/** The header says in which version the rest is written; of that nothing can be read. */
function refusedVersion(view: DataView): Outcome {
  const version = view.byteLength >= FRAME_HEADER_BYTES ? frameVersion(view, 0) : 0;
  return { kind: "version", versionMin: version, versionMax: version };
}
