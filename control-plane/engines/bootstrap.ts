// What the bootstrap server of a prefill endpoint answers to `GET /query`, as vLLM's Mooncake connector has
// it: by data-parallel rank, the engine that decode fetches from. An engine's name is new with each start.
//
//   {"0": {"engine_id": "3c3f…", "worker_addr": {…}}, "1": …}
import { ENGINE_ID_BYTES_MAX } from "../../protocol/limits.ts";

/** Names by rank. */
export type EngineIds = ReadonlyMap<number, string>;

/** Printable ASCII that needs no escape in JSON: it is put into bodies as it stands. */
const PLAIN = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/;

/** Null where the page is no such answer. Ranks with a name that cannot be told are left out. */
export function readEngineIds(page: string): EngineIds | null {
  let answer: unknown;
  try {
    answer = JSON.parse(page);
  } catch {
    return null;
  }
  if (typeof answer !== "object" || answer === null || Array.isArray(answer)) return null;
  const entries = Object.entries(answer as Record<string, { engine_id?: unknown } | null>);
  const ids = entries.map(([rank, entry]): [number, unknown] => [Number(rank), entry?.engine_id]);
  return new Map(ids.filter(([, id]) => isPlain(id)) as [number, string][]);
}

function isPlain(id: unknown): boolean {
  return typeof id === "string" && id.length <= ENGINE_ID_BYTES_MAX && PLAIN.test(id);
}
