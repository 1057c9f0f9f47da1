// What was changed by an operator and is refused: files, keys of a ConfigMap, parts of a cluster. Each
// stands until it is in force again.

export interface Refusal {
  /** ISO 8601. */
  at: string;
  /** Such as `config`, or `pool qwen`. */
  file: string;
  message: string;
}

export class Refusals {
  /** The last one last. */
  readonly #standing = new Map<string, Refusal>();

  /** The last of those that still stand: another file's being in force does not hide it. */
  get last(): Refusal | null {
    return [...this.#standing.values()].at(-1) ?? null;
  }

  add(file: string, message: string): void {
    this.#standing.delete(file);
    this.#standing.set(file, { at: new Date().toISOString(), file, message });
  }

  remove(file: string): void {
    this.#standing.delete(file);
  }
}
