import { ApiError } from "../api/api-error.ts";
import type { Json } from "../api/dialect.ts";

/** Where servers ask each other about transfers. It is no path of any engine's. */
export const CLAIM_PATH = "/kv/claim";

export interface Peer {
  host: string;
  port: number;
  /** The fields that told where it is, for a refusal where nobody is there. */
  fields: { host: string; port: string };
}

/**
 * Asks another simulated server. Rejects with that server's ApiError; where none answers, with a 502
 * that names the fields of the address.
 */
export async function askPeer(peer: Peer, question: Json, signal?: AbortSignal): Promise<Json> {
  const { host, port, fields } = peer;
  const url = `http://${host.includes(":") ? `[${host}]` : host}:${port}${CLAIM_PATH}`;
  let response: Response;
  try {
    const body = JSON.stringify(question);
    response = await fetch(url, { method: "POST", body, ...(signal && { signal }) });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    const names = fields.host === fields.port ? fields.host : `${fields.host} and ${fields.port}`;
    throw new ApiError(502, `${names}: nobody answers at ${host}:${port}.`, fields.host);
  }
  const answer = (await response.json()) as Json;
  if (response.ok) return answer;
  const { message, param } = answer.error as { message: string; param: string | null };
  throw new ApiError(response.status, message, param);
}
