import { existsSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { HELM } from "../../deploy/helm.ts";
import { manifests, PLACEHOLDERS } from "../../deploy/manifests.ts";
import { projectPath } from "../../start/project.ts";

const absent = existsSync(HELM) ? "" : " (skipped: no helm; `npm run test:gateways` builds it)";

/** What a user has to put into any of them, and into those for gateways of others. */
const ALWAYS = ["registry.example/hintway", "app: model-server"];
const ATTACHED = [...ALWAYS, "inference-gateway", "Bearer TOKEN", "FILTER_SHA256"];

function named(text: string): string[] {
  return [...text.matchAll(/^# {3}(\S.*?) {2,}\S/gm)].map(([, words]) => words ?? "");
}

describe.skipIf(absent)(`the plain manifests${absent}`, () => {
  it("are what the chart renders", () => {
    const files = manifests();
    expect(files.size).toBeGreaterThan(3);
    for (const [path, text] of files) {
      expect(readFileSync(projectPath(path), "utf8"), path).toBe(text);
    }
  });

  it("name at the top what is to be put in, and nothing that the file does not have", () => {
    for (const [path, text] of manifests()) {
      const isAttached = /istio|envoy-gateway/.test(path);
      expect(named(text), path).toEqual(isAttached ? ATTACHED : ALWAYS);
      const content = text.replaceAll(/^#.*\n/gm, "");
      const found = Object.keys(PLACEHOLDERS).filter((words) => content.includes(words));
      expect(found, path).toEqual(named(text));
    }
  });

  it("hold no token", () => {
    for (const [path, text] of manifests()) expect(text, path).not.toContain("kind: Secret");
  });
});
