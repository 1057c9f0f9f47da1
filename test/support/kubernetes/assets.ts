// Where the API server's binaries and the CRDs are: $KUBEBUILDER_ASSETS, or what `npm run
// test:kubernetes` has built and fetched once. Tests are skipped, by name, where there are none.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../../start/cache-folder.ts";
import { isExecutable } from "../executable.ts";

export const BINARIES = ["etcd", "kube-apiserver"] as const;

/** Of each kind, the file as published; versions differ in what they still hold. */
export const CRDS = [
  { version: "v1.6.0", file: "inference.networking.k8s.io_inferencepools.yaml" },
  { version: "v1.4.0", file: "inference.networking.x-k8s.io_inferencepools.yaml" },
  { version: "v1.5.0", file: "inference.networking.x-k8s.io_inferenceobjectives.yaml" },
  { version: "v1.5.0", file: "inference.networking.x-k8s.io_inferencemodelrewrites.yaml" },
] as const;

export const CACHE = join(cacheFolder(process.env), "kubernetes");

export interface KubernetesAssets {
  /** Folder of the binaries. */
  binaries: string;
  /** Folder of the CRDs. */
  crds: string;
}

/** Whether the long tests run too, and absent binaries are a failure. */
export const isWhole = process.env["TEST_KUBERNETES"] === "whole";

/** What is there; or what is not and where it comes from. */
export function findAssets(): KubernetesAssets | { missing: string } {
  const binaries = process.env["KUBEBUILDER_ASSETS"] || CACHE;
  const crds = join(CACHE, "crds");
  const absent = [
    ...BINARIES.filter((name) => !isExecutable(join(binaries, name))),
    ...CRDS.map(({ file }) => file).filter((file) => !existsSync(join(crds, file))),
  ];
  if (absent.length === 0) return { binaries, crds };
  return { missing: `no ${absent.join(", no ")}; \`npm run test:kubernetes\` gets them` };
}
