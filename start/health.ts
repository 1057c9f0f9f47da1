// Whether a part answers.

const TIMEOUT_MS = 2_000;

/** Whether a GET of the URL answers 200 within 2 s. */
export async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    await response.arrayBuffer();
    return response.status === 200;
  } catch {
    return false;
  }
}
