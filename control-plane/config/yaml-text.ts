// YAML whose values still know where they stand, so that an error names line and column.
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from "yaml";
import { HintwayError } from "../errors.ts";

/** Configuration and pool files; upstream's limit for the latter. */
export const TEXT_BYTES_MAX = 1024 * 1024;
/** Aliases may not blow a small file up. */
const ALIASES_MAX = 100;

/** The library's own check for repeated keys and its long messages take quadratic time. */
const OPTIONS = { merge: true, prettyErrors: false, uniqueKeys: false };
const PROBLEM_CHARACTERS_MAX = 200;

export type Path = readonly (string | number)[];

/** Makes the error of whoever reads the text. `place` is `source:line:column`. */
export type Refusal = (place: string, problem: string, cause?: unknown) => HintwayError;

export class YamlText {
  /** The text as plain data: null, booleans, numbers, strings, arrays, objects. */
  readonly value: unknown;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #source: string;

  /** Throws what `refusal` makes when the text is too large or no single YAML document. */
  constructor(text: string, source: string, refusal: Refusal) {
    this.#source = source;
    this.#lines = new LineCounter();
    if (Buffer.byteLength(text) > TEXT_BYTES_MAX) {
      throw refusal(source, `the text exceeds ${TEXT_BYTES_MAX} bytes`);
    }
    try {
      this.#document = parseDocument(text, { lineCounter: this.#lines, ...OPTIONS });
    } catch (cause) {
      throw refusal(source, "the text is nested too deeply", cause);
    }
    const problem = this.#document.errors[0];
    if (problem?.code === "MULTIPLE_DOCS") {
      const several = "a second document begins here, where one is read";
      throw refusal(this.#at(problem.pos[0]), several, problem);
    }
    if (problem !== undefined) {
      throw refusal(this.#at(problem.pos[0]), firstLine(problem.message), problem);
    }
    this.value = this.#plain(refusal);
  }

  /** Where the value at `path` stands, or the nearest thing around it. */
  place(path: Path): string {
    for (let length = path.length; length > 0; length--) {
      const node = this.#document.getIn(path.slice(0, length), true);
      if (isNode(node) && node.range) return this.#at(node.range[0]);
    }
    return this.#at(this.#document.contents?.range?.[0] ?? 0);
  }

  /** Where `key` itself stands in the mapping at `path`. */
  keyPlace(path: Path, key: string): string {
    const map = path.length > 0 ? this.#document.getIn(path, true) : this.#document.contents;
    const pairs = isMap(map) ? map.items : [];
    const found = pairs.find((pair) => isScalar(pair.key) && String(pair.key.value) === key);
    const start = isScalar(found?.key) ? found.key.range?.[0] : undefined;
    return start === undefined ? this.place(path) : this.#at(start);
  }

  #checkKeys(refusal: Refusal): void {
    visit(this.#document, {
      Map: (_, map) => {
        const seen = new Set<unknown>();
        for (const { key } of map.items) {
          if (!isScalar(key)) continue;
          if (seen.has(key.value)) {
            throw refusal(this.#at(key.range?.[0] ?? 0), `"${key.value}" is there twice`);
          }
          seen.add(key.value);
        }
      },
    });
  }

  #plain(refusal: Refusal): unknown {
    try {
      this.#checkKeys(refusal);
      const value: unknown = this.#document.toJS({ maxAliasCount: ALIASES_MAX });
      // Throws where a value holds itself, which no reader expects.
      JSON.stringify(value);
      return value;
    } catch (cause) {
      if (cause instanceof HintwayError) throw cause;
      const problem = cause instanceof Error ? firstLine(cause.message) : String(cause);
      throw refusal(this.#source, problem, cause);
    }
  }

  #at(offset: number): string {
    const { line, col } = this.#lines.linePos(offset);
    return `${this.#source}:${Math.max(line, 1)}:${Math.max(col, 1)}`;
  }
}

function firstLine(message: string): string {
  return (message.split("\n", 1)[0] ?? message).slice(0, PROBLEM_CHARACTERS_MAX);
}
