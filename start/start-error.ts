// The error that a user of the launcher is meant to read.

/** What went wrong and what to do about it, in one message. */
export class StartError extends Error {
  constructor(problem: string, remedy: string, cause?: unknown) {
    super(`${problem}\n  ${remedy}`, { cause });
    this.name = "StartError";
  }
}

/** A file or folder that this user or its disk does not let be written. */
export function unwritable(path: string, remedy: string, cause: unknown): StartError {
  const { code, message } = cause as NodeJS.ErrnoException;
  return new StartError(`${path} cannot be written (${code ?? message}).`, remedy, cause);
}
