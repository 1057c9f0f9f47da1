// What never-repeated prompts leave behind in the filter's index.

import type { Gateways } from "./gateways.ts";
import { TARGETS } from "./gateways.ts";

export interface IndexSize {
  target: string;
  /** Over all virtual machines of the gateway. */
  keys: number;
  /** Keys that found no room since Envoy's start. */
  refusedKeys: number;
}

export async function measureIndexes(gateways: Gateways): Promise<IndexSize[]> {
  const sizes: IndexSize[] = [];
  for (const target of TARGETS) {
    if (target === "plain") continue;
    const statistics = await gateways.envoys[target].statistics("machine_[0-9]+\\.index_keys");
    const sumOf = (ending: string) =>
      [...statistics].reduce((sum, [name, value]) => sum + (name.endsWith(ending) ? value : 0), 0);
    sizes.push({ target, keys: sumOf(".index_keys"), refusedKeys: sumOf(".index_keys_refused") });
  }
  return sizes;
}
