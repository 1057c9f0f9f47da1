// How far this process has come: what a gateway's position is compared with. A generation is a
// random number; what one generation counted means nothing in another.

/** Counting ends well before a u32 does; a process that gets here begins another generation. */
const COUNT_MAX = 2 ** 31;

export class Positions {
  readonly #random: () => number;
  readonly #countMax: number;
  #generation: number;
  readonly #earlier = new Set<number>();
  #table = 1;
  #loads = 1;
  #index = 1;

  /** `random` answers numbers from 0 to below 1. */
  constructor(random: () => number, countMax = COUNT_MAX) {
    this.#random = random;
    this.#countMax = countMax;
    this.#generation = this.#draw();
  }

  get generation(): number {
    return this.#generation;
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

  /** Whether a generation was another process's. 0 is nobody's. */
  isForeign(generation: number): boolean {
    return generation !== 0 && generation !== this.#generation && !this.#earlier.has(generation);
  }

  beginGeneration(): void {
    this.#earlier.add(this.#generation);
    this.#generation = this.#draw();
    this.#table = 1;
    this.#loads = 1;
    this.#index = 1;
  }

  #draw(): number {
    return 1 + Math.floor(this.#random() * 0xfffffffe);
  }
}
