// Tests with real peers: skipped under a name that says so where those are not built.

import { describe } from "vitest";
import { isWhole, missingPeers } from "./assets.ts";

export function describePeers(title: string, body: () => void): void {
  const missing = missingPeers();
  if (missing === undefined) {
    describe(title, body);
    return;
  }
  if (isWhole) throw new Error(missing);
  console.warn(`${title}: not tested: ${missing}`);
  describe.skip(`${title} (skipped: ${missing})`, body);
}
