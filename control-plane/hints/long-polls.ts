// Polls that wait for something to tell: at most one a gateway, answered at once when there is
// news, but never sooner than the pauses below after the gateway's last answer. Nor is nothing
// answered at once: a gateway that will not wait, or two that share an id and each end the other's
// poll, would otherwise poll as fast as they can.
import type { Gateway } from "./gateways.ts";
import type { Hints } from "./hints.ts";
import type { GatewayClaim } from "./read-frame.ts";

/** Between two answers to one gateway: news that come together go together. */
export const URGENT_PAUSE_MS = 20;
/** The same when only the age of what it knows has changed. */
export const QUIET_PAUSE_MS = 250;
export const HOLD_MS_MAX = 25_000;
/** An answer that tells nothing comes no sooner than this after its poll. */
export const EMPTY_PAUSE_MS = 50;

interface HeldPoll {
  gateway: Gateway;
  claim: GatewayClaim;
  beganAtMs: number;
  endsAtMs: number;
  timer: NodeJS.Timeout | null;
  timerAtMs: number;
  finish(answer: Buffer | null): void;
}

export interface LongPollsOptions {
  now(): number;
  holdMsMax(): number;
  urgentPauseMs: number;
  quietPauseMs: number;
}

export class LongPolls {
  readonly #hints: Hints;
  readonly #options: LongPollsOptions;
  readonly #held = new Map<number, HeldPoll>();
  #isClosed = false;

  constructor(hints: Hints, options: LongPollsOptions) {
    this.#hints = hints;
    this.#options = options;
  }

  get heldCount(): number {
    return this.#held.size;
  }

  isHeld(gateway: Gateway): boolean {
    return this.#held.has(gateway.number);
  }

  /**
   * Resolves with a frame as soon as there is something to tell, or with null when nothing changed
   * within the time, when a newer poll of the same gateway takes over, or on close.
   */
  hold(gateway: Gateway, claim: GatewayClaim): Promise<Buffer | null> {
    const older = this.#held.get(gateway.number);
    if (older) this.#endEmpty(older);
    if (this.#isClosed) return Promise.resolve(null);
    const { promise, resolve } = Promise.withResolvers<Buffer | null>();
    const nowMs = this.#options.now();
    const holdMs = Math.max(EMPTY_PAUSE_MS, Math.min(claim.holdMs, this.#options.holdMsMax()));
    const poll: HeldPoll = {
      gateway,
      claim,
      beganAtMs: nowMs,
      endsAtMs: nowMs + holdMs,
      timer: null,
      timerAtMs: Number.POSITIVE_INFINITY,
      finish: (answer) => {
        this.#letGo(poll);
        resolve(answer);
      },
    };
    this.#held.set(gateway.number, poll);
    this.#consider(poll);
    return promise;
  }

  /** The caller has hung up. */
  abandon(gateway: Gateway, claim: GatewayClaim): void {
    const poll = this.#held.get(gateway.number);
    if (poll?.claim === claim) poll.finish(null);
  }

  /** Something may have changed. Cheap: polls that wait for a pause to end look only then. */
  notice(): void {
    const nowMs = this.#options.now();
    for (const poll of this.#held.values()) {
      const soonestMs = Math.max(nowMs, poll.gateway.lastAnswerMs + this.#options.urgentPauseMs);
      this.#wakeAt(poll, soonestMs, nowMs);
    }
  }

  close(): void {
    this.#isClosed = true;
    for (const poll of this.#held.values()) poll.finish(null);
  }

  #letGo(poll: HeldPoll): void {
    if (poll.timer) clearTimeout(poll.timer);
    poll.timer = null;
    const { number } = poll.gateway;
    if (this.#held.get(number) === poll) this.#held.delete(number);
  }

  /** Another poll takes over: this one is told nothing, when its pause is over. */
  #endEmpty(poll: HeldPoll): void {
    this.#letGo(poll);
    const restMs = poll.beganAtMs + EMPTY_PAUSE_MS - this.#options.now();
    setTimeout(() => poll.finish(null), Math.max(0, restMs));
  }

  #consider(poll: HeldPoll): void {
    const { urgentPauseMs, quietPauseMs } = this.#options;
    const nowMs = this.#options.now();
    const { gateway, claim } = poll;
    const urgency = this.#hints.urgency(gateway, claim);
    const pauseMs = urgency === "urgent" ? urgentPauseMs : quietPauseMs;
    if (urgency !== "none" && nowMs >= gateway.lastAnswerMs + pauseMs) {
      gateway.lastAnswerMs = nowMs;
      poll.finish(this.#hints.answer(gateway, claim, nowMs));
    } else if (nowMs >= poll.endsAtMs) {
      poll.finish(null);
    } else {
      const newsAtMs = urgency === "none" ? poll.endsAtMs : gateway.lastAnswerMs + pauseMs;
      this.#wakeAt(poll, Math.min(poll.endsAtMs, newsAtMs), nowMs);
    }
  }

  #wakeAt(poll: HeldPoll, atMs: number, nowMs: number): void {
    if (poll.timer && poll.timerAtMs <= atMs) return;
    if (poll.timer) clearTimeout(poll.timer);
    poll.timerAtMs = atMs;
    poll.timer = setTimeout(
      () => {
        poll.timer = null;
        poll.timerAtMs = Number.POSITIVE_INFINITY;
        this.#consider(poll);
      },
      Math.max(0, atMs - nowMs),
    );
  }
}
