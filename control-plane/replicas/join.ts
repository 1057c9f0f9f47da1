// How a control plane is one replica among others: what it proposes, takes and tells.

import type { ControlPlane } from "../control-plane.ts";
import type { SlotClaim } from "../hints/read-frame.ts";
import type { Agreement } from "./agreement.ts";
import { Replicas } from "./replicas.ts";
import type { SharedStateOptions } from "./shared-state.ts";

export interface JoinOptions {
  state: SharedStateOptions;
  /** Proposed where nothing is agreed on yet. */
  lastKnownSlots: readonly SlotClaim[];
  /** Slots that stand for other endpoints, or for none, from here on. */
  onLeft(slots: readonly number[]): void;
  /** Gateways have to be told anew. */
  onNews(): void;
}

export function joinReplicas(controlPlane: ControlPlane, options: JoinOptions): Replicas {
  const { pools, hints, exchange, gateways, polls, now } = controlPlane;
  for (const { address, slot } of options.lastKnownSlots) pools.claimSlot(address, slot);
  pools.awaitAgreement();
  return new Replicas(options.state, hints.positions.origin, {
    now,
    generation: () => hints.positions.generation,
    proposal: () => ({ generation: hints.positions.generation, ...pools.numbers() }),
    agreed: (agreement) => takeAgreement(controlPlane, options, agreement),
    alone: () => {
      pools.standAlone(now());
      options.onNews();
    },
    takeShared: (frames) => exchange.takeShared(frames),
    gatewaysHere: (withinMs) => {
      const sinceMs = now() - withinMs;
      return [...gateways.all()].filter(
        (gateway) => gateway.lastContactHereMs >= sinceMs || polls.isHeld(gateway),
      );
    },
    sharesOf: ({ number }) => {
      const slots = [...pools.endpoints()].flatMap(({ slot }) => slot ?? []);
      return slots.map((slot) => [slot, hints.shares.of(number, slot)] as const);
    },
    log: (isLost, fields, message) => {
      if (isLost) controlPlane.log.warn({ event: "state-lost", ...fields }, message);
      else controlPlane.log.info({ event: "state-back", ...fields }, message);
    },
  });
}

/**
 * Slots, pools and the generation are from here on as all replicas number them. Answers whether slots
 * stand for other endpoints than they did.
 */
function takeAgreement(
  { pools, hints, log, now }: ControlPlane,
  { onLeft, onNews }: JoinOptions,
  { generation, slots, pools: numbers }: Agreement,
): boolean {
  const isOther = generation !== hints.positions.generation;
  hints.positions.adopt(generation);
  const { left, isNews } = pools.agree(slots, numbers, now());
  if (left.length > 0) {
    onLeft(left);
    const message = "replicas numbered endpoints unlike while they were apart: these begin anew";
    log.warn({ endpoints: left.length }, message);
  }
  if (isNews || isOther) onNews();
  return isOther || left.length > 0;
}
