// This replica among others: what its gateways report goes to them, what theirs report comes here, and
// all number slots and pools alike. Without the shared store each goes on alone.
//
//   joining ──▶ together ◀── agreed on, said and read: all that is ever asked of the store works
//      │           │ anything asked of it fails
//      └──▶ alone ◀┘         tried again with every beat

import { setTimeout as wait } from "node:timers/promises";
import { type HintwayError, stateUnreachable } from "../errors.ts";
import type { Gateway } from "../hints/gateways.ts";
import type { Share } from "../hints/shares.ts";
import { AGREE_MS, type Agreement, KEPT_MS, type Proposal } from "./agreement.ts";
import { Outbox } from "./outbox.ts";
import { SharedState, type SharedStateOptions } from "./shared-state.ts";

/** Reports that come within this time go together. */
const GATHER_MS = 5;
/** So often replicas tell that they, and their gateways, are there. */
const BEAT_MS = 1_000;
/** A replica, or a gateway's contact with it, that is older than this is no longer. */
const SILENCE_MS = 3_000;
/** So long the first agreement is waited for; then this replica goes on alone. */
const FIRST_AGREEMENT_MS = 2_000;
/** Entries read at once, and how long a read waits for the first. */
const READ_ENTRIES = 64;
const READ_MS = 500;
const RETRY_MS = 100;

/** What replicas do with the control plane. */
export interface ReplicasListener {
  now(): number;
  proposal(): Proposal;
  /** Answers whether slots stand for other endpoints than they did. */
  agreed(agreement: Agreement): boolean;
  /** The store is away: this replica numbers by itself. */
  alone(): void;
  /** By which slots are numbered here. */
  generation(): number;
  /** Takes frames that gateways of another replica reported. */
  takeShared(frames: Buffer): void;
  /** Gateways that polled or reported here within this time. */
  gatewaysHere(withinMs: number): Iterable<Gateway>;
  /** What a gateway has in flight on every slot there is, none included. */
  sharesOf(gateway: Gateway): Iterable<readonly [slot: number, share: Share]>;
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
  /** The last entry that was read. */
  #last = "0-0";
  /** The store does all that is asked of it, and slots are as agreed on. */
  #isTogether = false;
  /** It was said that the store is away. */
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
      connected: () => this.agree(),
      lost: (cause) => this.#lost(cause),
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
    if (!this.#isTogether) this.#listener.alone();
  }

  get status(): ReplicasStatus {
    const { place } = this.#state;
    const isConnected = this.#isTogether;
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
    this.#outbox.addReport(view, this.#listener.now());
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
    if (!this.#isTogether) return this.#join();
    const agreement = await this.#asked(this.#state.agree(this.#listener.proposal()));
    if (agreement !== null && this.#isTogether) this.#take(agreement);
  }

  /** Agrees, and tries whether the store also takes and gives entries: else nobody is heard. */
  async #join(): Promise<void> {
    const agreement = await this.#asked(this.#state.agree(this.#listener.proposal()));
    if (agreement === null) return;
    const own = await this.#asked(this.#state.append(this.#origin, Buffer.alloc(0)));
    if (own === null) return;
    const readFrom = this.#readFrom(own);
    const entries = await this.#asked(this.#state.read(readFrom, 1, READ_MS));
    if (entries === null || !this.#state.isConnected || this.#isStopped) return;
    this.#isTogether = true;
    this.#last = readFrom;
    this.#take(agreement);
    this.#sayJoined();
  }

  /**
   * Older entries name slots that may stand for other endpoints by this time. A store that has begun
   * anew, with a clock behind that of the one before it, gives ids that were read long ago.
   */
  #readFrom(own: string): string {
    const isBegunAnew = isBefore(own, this.#last);
    if (isBegunAnew) this.#heardMs.clear();
    const oldest = `${Math.max(0, msOf(own) - KEPT_MS)}-0`;
    return isBegunAnew || isBefore(this.#last, oldest) ? oldest : this.#last;
  }

  #take(agreement: Agreement): void {
    // What waits was reported by slots as they were numbered before.
    if (this.#listener.agreed(agreement)) this.#outbox.clear();
    void this.#flush();
  }

  #sayJoined(): void {
    if (this.#isLost) {
      this.#listener.log(false, { state: this.#state.place }, "the shared state is back");
    }
    this.#isLost = false;
    this.#first.resolve();
    // What others were told last of these gateways may have been over for long.
    const generation = this.#listener.generation();
    for (const gateway of this.#listener.gatewaysHere(SILENCE_MS)) {
      const shares = this.#listener.sharesOf(gateway);
      this.#outbox.addShares(gateway, generation, shares, this.#listener.now());
    }
    void this.#flush();
  }

  /** Null where the store has not done what it was asked: then this replica is alone. */
  async #asked<T>(asking: Promise<T>): Promise<T | null> {
    try {
      return await asking;
    } catch (cause) {
      this.#lost(cause);
      return null;
    }
  }

  #lost(cause: unknown): void {
    this.#isTogether = false;
    if (this.#isLost || this.#isStopped) return;
    this.#isLost = true;
    const { place } = this.#state;
    const { code, message }: HintwayError = stateUnreachable(place, cause);
    this.#listener.log(true, { state: place, code }, message);
    this.#listener.alone();
  }

  #beat(): void {
    if (!this.#isTogether) {
      this.agree();
      return;
    }
    const generation = this.#listener.generation();
    const nowMs = this.#listener.now();
    for (const gateway of this.#listener.gatewaysHere(SILENCE_MS)) {
      this.#outbox.addContact(gateway, generation, nowMs);
    }
    void this.#flush(true);
  }

  /** Never throws. `isBeat`: an entry without frames says that this replica is there. */
  async #flush(isBeat = false): Promise<void> {
    if (this.#isFlushing || !this.#isTogether) return;
    this.#isFlushing = true;
    for (let isDue = isBeat; isDue || !this.#outbox.isEmpty; isDue = false) {
      const waiting = this.#outbox.take(this.#listener.now());
      const id = await this.#asked(this.#state.append(this.#origin, waiting.frames));
      if (id !== null) this.#sent++;
      else this.#outbox.putBack(waiting);
      if (!this.#isTogether) break;
    }
    this.#isFlushing = false;
  }

  async #follow(): Promise<void> {
    while (!this.#isStopped) {
      if (!this.#isTogether) await wait(RETRY_MS);
      else await this.#readOnce();
    }
  }

  async #readOnce(): Promise<void> {
    const entries = await this.#asked(this.#state.read(this.#last, READ_ENTRIES, READ_MS));
    for (const entry of entries ?? []) {
      this.#last = entry.id;
      this.#newestMs = msOf(entry.id);
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

/** An entry's id is `MS-SEQUENCE`, by the store's clock as long as that does not go back. */
function msOf(id: string): number {
  return Number(id.split("-")[0]);
}

function isBefore(id: string, other: string): boolean {
  const sequenceOf = (text: string) => Number(text.split("-")[1]);
  if (msOf(id) !== msOf(other)) return msOf(id) < msOf(other);
  return sequenceOf(id) < sequenceOf(other);
}
