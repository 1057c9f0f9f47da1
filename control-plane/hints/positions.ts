// How far this process has come: what a gateway's position is compared with. Two random numbers say
// what a gateway's numbers mean: slots and pools are numbered by a generation, on which replicas agree;
// positions are counted by an origin, which is one process's own.

/** Counting ends well before a u32 does; a process that gets here counts anew. */
const COUNT_MAX = 2 ** 31;

/** What a gateway says its numbers mean. */
interface Known {
  generation: number;
  origin: number;
}

export class Positions {
  readonly #random: () => number;
  readonly #countMax: number;
  #generation: number;
  #origin: number;
  readonly #earlier = new Set<number>();
  #table = 1;
  #loads = 1;
  #index = 1;

  /** `random` answers numbers from 0 to below 1. */
  constructor(random: () => number, countMax = COUNT_MAX) {
    this.#random = random;
    this.#countMax = countMax;
    this.#generation = this.#draw();
    this.#origin = this.#draw();
  }

  get generation(): number {
    return this.#generation;
  }

  get origin(): number {
    return this.#origin;
  }

  get table(): number {
    return this.#table;
  }

  get loads(): number {
    return this.#loads;
  }

  get index(): number {
    return this.#index;
  }

  nextTable(): number {
    return ++this.#table;
  }

  nextLoads(): number {
    return ++this.#loads;
  }

  nextIndex(): number {
    return ++this.#index;
  }

  get isUsedUp(): boolean {
    return Math.max(this.#table, this.#loads, this.#index) >= this.#countMax;
  }

  /** Whether a gateway's positions were counted here, and its slots are those in force. */
  areOurs({ generation, origin }: Known): boolean {
    return generation === this.#generation && origin === this.#origin;
  }

  /** Whether another process told a gateway what it knows. */
  areAnothers({ generation, origin }: Known): boolean {
    if (generation === 0) return false;
    const isForeign = (number: number) => !this.#earlier.has(number);
    if (generation !== this.#generation) return isForeign(generation);
    return origin !== this.#origin && isForeign(origin);
  }

  /** Slots and pools are from here on as another generation numbers them. */
  adopt(generation: number): void {
    if (generation === this.#generation) return;
    this.#earlier.add(this.#generation);
    this.#generation = generation;
  }

  beginCounting(): void {
    this.#earlier.add(this.#origin);
    this.#origin = this.#draw();
    this.#table = 1;
    this.#loads = 1;
    this.#index = 1;
  }

  #draw(): number {
    return 1 + Math.floor(this.#random() * 0xfffffffe);
  }
}
