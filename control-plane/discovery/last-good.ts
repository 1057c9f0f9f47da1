// The text of each watched file as it was last in force, for a process that starts while it is broken.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { replaceFile } from "../replace-file.ts";

const FOLDER = "last-good";

interface Log {
  warn(fields: object, message: string): void;
}

export class LastGoodFiles {
  readonly #folder: string;
  readonly #log: Log;
  #writing = Promise.resolve();

  constructor(stateDir: string, log: Log) {
    this.#folder = join(stateDir, FOLDER);
    this.#log = log;
  }

  /** Undefined where no text of this file has been in force. */
  async read(path: string): Promise<string | undefined> {
    try {
      return await readFile(this.#copyOf(path), "utf8");
    } catch {
      // Without a copy the file's own error stands, and says what to do.
      return undefined;
    }
  }

  keep(path: string, text: string): void {
    this.#writing = this.#writing
      .then(() => replaceFile(this.#copyOf(path), text))
      .catch((error: unknown) => {
        const message = "no copy is kept: a restart while the file is broken would fail";
        this.#log.warn({ err: error, file: path, folder: this.#folder }, message);
      });
  }

  /** Resolves when everything kept is written. */
  async written(): Promise<void> {
    await this.#writing;
  }

  /** By the file's own path: a copy of another file is never taken for it. */
  #copyOf(path: string): string {
    return join(this.#folder, createHash("sha256").update(resolve(path)).digest("hex"));
  }
}
