// The one error that a user of the launcher is meant to read.

/** What went wrong and what to do about it, in one message. */
export class StartError extends Error {
  constructor(problem: string, remedy: string, cause?: unknown) {
    super(`${problem}\n  ${remedy}`, { cause });
    this.name = "StartError";
  }
}
