// One launch: how it speaks to a waiting user, and how it is called off.

export interface Launch {
  say: (line: string) => void;
  /** Aborted when the user wants to stop before everything is started. */
  signal: AbortSignal;
}

const REPEAT_MS = 5_000;

/**
 * Runs `work`; says `what` when it begins, and every 5 s with the time it has taken and the
 * `obstacle` that `work` has met last.
 */
export async function withProgress<T>(
  launch: Launch,
  what: string,
  work: () => Promise<T>,
  obstacle: () => string = () => "",
): Promise<T> {
  const startMs = performance.now();
  launch.say(`${what} ...`);
  const timer = setInterval(() => {
    const seconds = Math.round((performance.now() - startMs) / 1000);
    launch.say([`${what} ... ${seconds} s`, obstacle()].filter((text) => text !== "").join(": "));
  }, REPEAT_MS);
  try {
    return await work();
  } finally {
    clearInterval(timer);
  }
}
