// Names as gateways know them: by hash.
import { hashBytes, keyHigh, keyLow, LANES } from "../../protocol/keys.ts";

export interface NameHash {
  low: number;
  high: number;
}

const lanes = new Uint32Array(LANES);
/** Names kept with their hash: adapters come with every probe. */
const NAMES_MAX = 4096;
const known = new Map<string, NameHash>();

export function nameHash(name: string): NameHash {
  const found = known.get(name);
  if (found) return found;
  const bytes = Buffer.from(name);
  hashBytes(new DataView(bytes.buffer, bytes.byteOffset, bytes.length), 0, bytes.length, lanes);
  const hash = { low: keyLow, high: keyHigh };
  if (known.size >= NAMES_MAX) known.clear();
  known.set(name, hash);
  return hash;
}
