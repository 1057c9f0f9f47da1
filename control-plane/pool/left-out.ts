// What gateways have no room for, said when it is another number than before.

export interface LeftOut {
  /** Rules that give requests another model. */
  rules: number;
  /** Counted once for every pool, those of --objectives too. */
  objectives: number;
}

const MESSAGES: Record<keyof LeftOut, string> = {
  rules: "there are more rules for models than there is room for",
  objectives: "there are more objectives than there is room for; those for all pools count in each",
};

export class LeftOutWarnings {
  readonly #said: LeftOut = { rules: 0, objectives: 0 };

  /** The messages that are due, each with its count. */
  take(leftOut: LeftOut): { message: string; leftOut: number }[] {
    const kinds = Object.keys(MESSAGES) as (keyof LeftOut)[];
    const others = kinds.filter((kind) => leftOut[kind] !== this.#said[kind]);
    Object.assign(this.#said, leftOut);
    const due = others.filter((kind) => leftOut[kind] > 0);
    return due.map((kind) => ({ message: MESSAGES[kind], leftOut: leftOut[kind] }));
  }
}
