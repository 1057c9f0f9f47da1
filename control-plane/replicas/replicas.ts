// This replica among others: what its gateways report goes to them, what theirs report comes here, and
// all number slots and pools alike. Without the shared store each goes on alone.

import { setTimeout as wait } from "node:timers/promises";
import type { HintwayError } from "../errors.ts";
import type { Gateway } from "../hints/gateways.ts";
import type { Agreement, Proposal } from "./agreement.ts";
import { Outbox } from "./outbox.ts";
import { SharedState, type SharedStateOptions } from "./shared-state.ts";

/** Reports that come within this time go together. */
const GATHER_MS = 5;
/** So often replicas tell that they, and their gateways, are there. */
const BEAT_MS = 1_000;
/** A replica, or a gateway's contact with it, that is older than this is no longer. */
const SILENCE_MS = 3_000;
/** So often names are said to be still in use. */
const AGREE_MS = 10_000;
/** So long the first agreement is waited for; then this replica goes on alone. */
const FIRST_AGREEMENT_MS = 2_000;
/** Entries read at once, and how long a read waits for the first. */
const READ_ENTRIES = 64;
const READ_MS = 500;
const RETRY_MS = 100;

/** What replicas do with the control plane. */
export interface ReplicasListener {
  proposal(): Proposal;
  agreed(agreement: Agreement): void;
  /** The store is away: this replica numbers by itself. */
  alone(): void;
  /** Takes frames that gateways of another replica reported. */
  takeShared(frames: Buffer): void;
  /** Gateways that polled or reported here within this time. */
  gatewaysHere(withinMs: number): Iterable<Gateway>;
  log(isLost: boolean, fields: object, message: string): void;
}

export interface ReplicasStatus {
  state: string;
  isConnected: boolean;
  /** This one included, where the store is there. */
  replicas: number;
  sent: number;
  received: number;
  dropped: number;
}

export class Replicas {
  readonly #state: SharedState;
  readonly #listener: ReplicasListener;
  /** Tells own entries of the stream from others'. */
  readonly #origin: number;
  readonly #outbox = new Outbox();
  readonly #heardMs = new Map<number, number>();
  readonly #first = Promise.withResolvers<void>();
  #newestMs = 0;
  #last = "0";
  #hasAgreed = false;
  #isLost = false;
  #isStopped = false;
  #agreeing: Promise<void> | null = null;
  #agreesAgain = false;
  #isFlushing = false;
  #sent = 0;
  #received = 0;
  readonly #timers: NodeJS.Timeout[] = [];

  /** `origin` is this process's own random number. */
  constructor(options: SharedStateOptions, origin: number, listener: ReplicasListener) {
    this.#origin = origin;
    this.#listener = listener;
    this.#state = new SharedState(options, {
      connected: () => this.#connected(),
      lost: (error) => this.#lost(error),
    });
  }

  start(): void {
    this.#state.start();
    this.#timers.push(
      setInterval(() => this.#beat(), BEAT_MS).unref(),
      setInterval(() => this.agree(), AGREE_MS).unref(),
      setTimeout(() => this.#first.resolve(), FIRST_AGREEMENT_MS).unref(),
    );
    // It catches what goes wrong, and ends with `stop`.
    void this.#follow();
  }

  stop(): void {
    this.#isStopped = true;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#first.resolve();
    this.#state.stop();
  }

  /** Resolves with the first agreement, or when it is waited for no longer. */
  async firstAgreement(): Promise<void> {
    await this.#first.promise;
    if (!this.#hasAgreed) this.#listener.alone();
  }

  get status(): ReplicasStatus {
    const { isConnected, place } = this.#state;
    const heard = [...this.#heardMs.values()].filter((ms) => this.#newestMs - ms < SILENCE_MS);
    return {
      state: place,
      isConnected,
      replicas: isConnected ? heard.length + 1 : 1,
      sent: this.#sent,
      received: this.#received,
      dropped: this.#outbox.dropped,
    };
  }

  /** A gateway's verified report took effect here: others are told. */
  publish(view: DataView): void {
    const isFirst = this.#outbox.isEmpty;
    this.#outbox.addReport(view);
    if (isFirst) setTimeout(() => void this.#flush(), GATHER_MS).unref();
  }

  /** Names may have come: they are agreed on, one agreement at a time. */
  agree(): void {
    if (!this.#state.isConnected) return;
    if (this.#agreeing !== null) {
      this.#agreesAgain = true;
      return;
    }
    this.#agreeing = this.#agreeOnce().finally(() => {
      this.#agreeing = null;
      if (this.#agreesAgain) this.agree();
    });
  }

  async #agreeOnce(): Promise<void> {
    this.#agreesAgain = false;
    try {
      const agreement = await this.#state.agree(this.#listener.proposal());
      this.#hasAgreed = true;
      this.#listener.agreed(agreement);
      this.#first.resolve();
    } catch {
      // The store went away: its return brings the next try, and so does the timer.
    }
  }

  #connected(): void {
    if (this.#isLost) {
      this.#listener.log(false, { state: this.#state.place }, "the shared state is back");
    }
    this.#isLost = false;
    this.agree();
    void this.#flush();
  }

  #lost(error: Error): void {
    if (this.#isLost || this.#isStopped) return;
    this.#isLost = true;
    const { code } = error as HintwayError;
    this.#listener.log(true, { state: this.#state.place, code }, error.message);
    this.#listener.alone();
  }

  #beat(): void {
    for (const gateway of this.#listener.gatewaysHere(SILENCE_MS)) {
      this.#outbox.addContact(gateway, this.#listener.proposal().generation);
    }
    void this.#flush(true);
  }

  /** Never throws. `isBeat`: an entry without frames says that this replica is there. */
  async #flush(isBeat = false): Promise<void> {
    if (this.#isFlushing || !this.#state.isConnected) return;
    this.#isFlushing = true;
    for (let isDue = isBeat; isDue || !this.#outbox.isEmpty; isDue = false) {
      const frames = this.#outbox.take();
      const isSent = await this.#state.append(this.#origin, frames).then(
        () => true,
        () => false,
      );
      if (isSent) this.#sent++;
      else this.#outbox.putBack(frames);
      if (!isSent) break;
    }
    this.#isFlushing = false;
  }

  /** Reads what others tell, from the oldest entry there is: that is what a start catches up with. */
  async #follow(): Promise<void> {
    while (!this.#isStopped) {
      if (!this.#hasAgreed || !this.#state.isConnected) await wait(RETRY_MS);
      else await this.#readOnce().catch(() => wait(RETRY_MS));
    }
  }

  async #readOnce(): Promise<void> {
    for (const entry of await this.#state.read(this.#last, READ_ENTRIES, READ_MS)) {
      this.#last = entry.id;
      this.#newestMs = Number(entry.id.split("-")[0]);
      if (entry.origin === this.#origin) continue;
      this.#heardMs.set(entry.origin, this.#newestMs);
      this.#received++;
      this.#listener.takeShared(entry.frames);
    }
    for (const [origin, heardMs] of this.#heardMs) {
      if (this.#newestMs - heardMs >= SILENCE_MS) this.#heardMs.delete(origin);
    }
  }
}
