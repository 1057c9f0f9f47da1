import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 20;

/** Resolves to the first truthy value of `read`; throws, naming `what`, after the time is up. */
export async function until<T>(
  what: string,
  read: () => T | Promise<T>,
  timeoutMs = 15_000,
): Promise<NonNullable<T>> {
  const giveUpMs = performance.now() + timeoutMs;
  while (performance.now() < giveUpMs) {
    const value = await read();
    if (value) return value;
    await sleep(POLL_MS);
  }
  throw new Error(`${what} did not happen within ${timeoutMs / 1000} s`);
}

/** Time for a tick of the workers to pass, in which they tell each other what they picked. */
export function settle(): Promise<void> {
  return sleep(30);
}
