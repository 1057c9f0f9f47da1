// The end of what a process prints, kept to be shown when it dies.

import type { Readable } from "node:stream";

const LINES_MAX = 500;
const LINE_CHARACTERS_MAX = 2_000;

export class LastLines {
  #lines: string[] = [];

  /** The lines kept, oldest first. */
  all(): string[] {
    return [...this.#lines];
  }

  add(line: string): void {
    this.#lines.push(line.slice(0, LINE_CHARACTERS_MAX));
    // Dropping many at once keeps the cost of one line constant.
    if (this.#lines.length > 2 * LINES_MAX) this.#lines = this.#lines.slice(-LINES_MAX);
  }

  /** Keeps what the stream prints until it ends, and tells each line to `listen`. */
  take(stream: Readable, listen: (line: string) => void): void {
    let rest = "";
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = (lines.pop() ?? "").slice(0, LINE_CHARACTERS_MAX);
      for (const line of lines) {
        this.add(line);
        listen(line);
      }
    });
    stream.on("end", () => {
      if (rest) this.add(rest);
    });
  }
}
