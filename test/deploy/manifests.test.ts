import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HELM } from "../../deploy/helm.ts";
import { manifests } from "../../deploy/manifests.ts";
import { projectPath } from "../../start/project.ts";

const absent = existsSync(HELM) ? "" : " (skipped: no helm; `npm run test:gateways` builds it)";

describe.skipIf(absent)(`the plain manifests${absent}`, () => {
  it("are what the chart renders", () => {
    const files = manifests();
    expect(files.size).toBeGreaterThan(3);
    for (const [path, text] of files) {
      expect(readFileSync(projectPath(path), "utf8"), path).toBe(text);
    }
  });

  it("say each word that is to be put in, and hold no token", () => {
    for (const [path, text] of manifests()) {
      const isOther = path.includes("istio") || path.includes("envoy-gateway");
      expect(text.includes("Bearer TOKEN"), path).toBe(isOther);
      expect(text, path).not.toContain("kind: Secret");
    }
  });
});
