// What the control plane knows of model servers that cannot be used.

const TIMEOUT_MS = 2_000;

interface Status {
  pools: { endpoints: { address: string; state: string; lastFailure: string | null }[] }[];
}

/**
 * One sentence for each endpoint that cannot be used, from the control plane's /status; one that
 * says so where there is no endpoint at all. Empty where the control plane does not answer.
 */
export async function unusableEndpoints(controlUrl: string): Promise<string[]> {
  const status = await readStatus(`${controlUrl}/status?format=json`);
  const endpoints = status?.pools.flatMap((pool) => pool.endpoints) ?? [];
  if (status && endpoints.length === 0) return ["The pool names no endpoint."];
  return endpoints
    .filter(({ state }) => state !== "up")
    .map(({ address, state, lastFailure }) => lastFailure ?? `${address} is ${state}.`);
}

async function readStatus(url: string): Promise<Status | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return (await response.json()) as Status;
  } catch {
    return undefined;
  }
}
