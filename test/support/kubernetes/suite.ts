// Tests on a real API server: one for each file of tests. Where its binaries are not there, the tests
// are skipped under a name that says so; `npm run test:kubernetes` gets them, and fails without.

import { afterAll, beforeAll, describe } from "vitest";
import { findAssets, isWhole } from "./assets.ts";
import { Cluster, type CrdFile } from "./cluster.ts";

/** `body` defines tests; they ask for the cluster, with the CRDs of `files`, when they run. */
export function describeOnCluster(
  title: string,
  body: (cluster: () => Cluster) => void,
  files?: CrdFile[],
): void {
  const assets = findAssets();
  if ("missing" in assets) {
    if (isWhole) throw new Error(assets.missing);
    console.warn(`${title}: not tested: ${assets.missing}`);
    describe.skip(`${title} (skipped: ${assets.missing})`, () => body(unavailable));
    return;
  }
  describe(title, () => {
    let cluster: Cluster | undefined;
    beforeAll(async () => {
      cluster = await Cluster.start(assets, files);
    });
    afterAll(() => cluster?.stop());
    body(() => cluster ?? unavailable());
  });
}

function unavailable(): never {
  throw new Error("the cluster is not running");
}
