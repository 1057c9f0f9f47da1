import type { Clock } from "./clock.ts";
import type { KvCache } from "./kv-cache.ts";
import { Scheduler, type SchedulerLimits, type Step } from "./scheduler.ts";
import { Sequence, type Work } from "./sequence.ts";
import { decodeMs, decodeStepsWithin, type Profile, stepMs } from "./timing.ts";

/** A wake that is early by no more than floating point rounding is on time. */
const ROUNDING_MS = 1e-6;

/** What vLLM's gauges show: it publishes them when a step ends, without what arrived meanwhile. */
export interface Published {
  running: number;
  waiting: number;
  usedBlocks: number;
}

/**
 * The step loop: one step after the other, each dated by the timing model from the end of the one
 * before it. A stretch of steps that only decode is one event, unless somebody streams; whoever
 * arrives in it joins at the next step's end. An idle engine holds no timer.
 */
export class Engine {
  readonly scheduler: Scheduler;
  readonly #clock: Clock;
  readonly #profile: Profile;
  #step: Step | undefined;
  /** When the current step began, in simulated milliseconds. */
  #stepAtMs = 0;
  #leftWaiting = 0;
  #published: Published = { running: 0, waiting: 0, usedBlocks: 0 };
  #isAsleep = false;
  #cancelWake: (() => void) | undefined;

  constructor(profile: Profile, clock: Clock, cache: KvCache, limits: SchedulerLimits) {
    this.#profile = profile;
    this.#clock = clock;
    this.scheduler = new Scheduler(cache, limits);
  }

  get isAsleep(): boolean {
    return this.#isAsleep;
  }

  /** As of the last step that has ended by now, also inside a stretch that is one event. */
  published(): Published {
    if (this.#step !== undefined) this.#advance();
    // Blocks that were kept for a decode server are given back between steps too.
    else this.#published.usedBlocks = this.scheduler.cache.usedBlocks;
    return this.#published;
  }

  submit(work: Work): Sequence {
    const sequence = new Sequence(work, this.#clock.now());
    this.scheduler.waiting.push(sequence);
    this.#interrupt();
    return sequence;
  }

  /** Takes a sequence out: at once when it waits, at the end of the step when it runs. */
  abort(sequence: Sequence): void {
    if (sequence.endedAtMs > 0) return;
    const position = this.scheduler.waiting.indexOf(sequence);
    sequence.isAborted = true;
    if (position >= 0) {
      this.scheduler.waiting.splice(position, 1);
      sequence.endedAtMs = this.#clock.now();
      sequence.work.onEnd(sequence, "abort");
    }
    this.#interrupt();
  }

  /** Discards the cache and computes nothing until `wakeUp`; requests wait. */
  sleep(): void {
    this.#isAsleep = true;
    this.#interrupt();
  }

  wakeUp(): void {
    this.#isAsleep = false;
    this.#interrupt();
  }

  /** Ends the stretch at the next step boundary, or starts an idle engine. */
  #interrupt(): void {
    const step = this.#step;
    if (step === undefined) {
      if (this.#cancelWake === undefined) this.#wakeIn(0);
    } else if (step.steps > 1) {
      const elapsedMs = this.#clock.now() - this.#stepAtMs;
      step.steps = decodeStepsWithin(this.#profile, step, elapsedMs, step.steps - 1) + 1;
      this.#arm(step);
    }
  }

  #wakeIn(delayMs: number): void {
    this.#cancelWake?.();
    this.#cancelWake = this.#clock.wake(delayMs, () => this.#advance());
  }

  #arm(step: Step): void {
    const streams = this.scheduler.running.some((sequence) => sequence.work.streamed);
    const endsAtMs = this.#stepAtMs + this.#durationMs(step, streams ? 1 : step.steps);
    this.#wakeIn(endsAtMs - this.#clock.now());
  }

  #durationMs(step: Step, steps: number): number {
    return step.prefillTokens > 0
      ? stepMs(this.#profile, step)
      : decodeMs(this.#profile, step, steps);
  }

  /** Completes every step whose end has come and plans the one after it. */
  #advance(): void {
    this.#cancelWake?.();
    this.#cancelWake = undefined;
    const nowMs = this.#clock.now();
    if (this.#step === undefined) {
      this.#stepAtMs = nowMs;
      this.#plan();
    }
    while (this.#step !== undefined) {
      if (!this.#completeUntil(this.#step, nowMs)) {
        this.#arm(this.#step);
        return;
      }
    }
  }

  /** False when not one more step of this kind has ended by `nowMs`. */
  #completeUntil(step: Step, nowMs: number): boolean {
    const elapsedMs = nowMs - this.#stepAtMs;
    const count = this.#stepsWithin(step, elapsedMs);
    if (count === 0) return false;
    this.#stepAtMs += this.#durationMs(step, count);
    const changed = this.scheduler.complete(count, this.#stepAtMs);
    step.steps -= count;
    step.contextTokens += step.sequences * count;
    this.#publish(this.#leftWaiting);
    if (changed || step.steps === 0) this.#plan();
    return true;
  }

  #stepsWithin(step: Step, rawElapsedMs: number): number {
    const elapsedMs = rawElapsedMs + ROUNDING_MS;
    if (step.prefillTokens > 0) return elapsedMs >= stepMs(this.#profile, step) ? 1 : 0;
    return decodeStepsWithin(this.#profile, step, elapsedMs, step.steps);
  }

  #plan(): void {
    if (this.#isAsleep) {
      this.scheduler.suspend();
      this.scheduler.cache.clear();
      this.#step = undefined;
      this.#publish(this.scheduler.waiting.length);
      return;
    }
    this.#step = this.scheduler.plan();
    this.#leftWaiting = this.scheduler.waiting.length;
  }

  #publish(waiting: number): void {
    this.#published = {
      running: this.scheduler.running.length,
      waiting,
      usedBlocks: this.scheduler.cache.usedBlocks,
    };
  }
}
