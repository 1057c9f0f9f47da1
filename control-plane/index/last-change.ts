// When something changed last, and by whom, so that nobody is told of its own changes.

export class LastChange {
  #sequence = 0;
  #gateway = 0;
  #before = 0;

  /** Sequences ascend. */
  note(sequence: number, gateway: number): void {
    if (gateway !== this.#gateway) this.#before = this.#sequence;
    this.#sequence = sequence;
    this.#gateway = gateway;
  }

  /** The sequence of the last change by anyone but this gateway; 0 when there is none. */
  byOthers(gateway: number): number {
    return this.#gateway === gateway ? this.#before : this.#sequence;
  }

  clear(): void {
    this.#sequence = 0;
    this.#gateway = 0;
    this.#before = 0;
  }
}
