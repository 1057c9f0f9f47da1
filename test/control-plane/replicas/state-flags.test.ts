import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkSharedState } from "../../../control-plane/replicas/state-flags.ts";
import { makeCertificate } from "../../support/certificate.ts";
import { temporaryFolder } from "../../support/components.ts";

function refusal(flags: { state?: string; stateCa?: string }): string {
  try {
    checkSharedState({ statePrefix: "test", ...flags });
  } catch (error) {
    return (error as Error).message;
  }
  return "";
}

describe("--state", () => {
  it.each([
    "redis://valkey",
    "redis://valkey:6379/",
    "redis://user:pa%2Fss%40@valkey:6379/2",
    "rediss://[::1]:6379",
  ])("may be %s", (state) => {
    expect(refusal({ state })).toBe("");
  });

  it.each([
    ["valkey:6379", "redis://host:6379"],
    ["http://valkey:6379", "redis://host:6379"],
    ["redis://", "redis://host:6379"],
    ["redis://valkey:6379/x", "nothing but a number"],
    ["redis://valkey:6379?db=1", "nothing but a number"],
  ])("may not be %s, with a remedy", (state, remedy) => {
    expect(refusal({ state })).toMatch(/^--state is/);
    expect(refusal({ state })).toContain(remedy);
  });

  it.each([
    "redis://:s3cret/x@valkey:6379",
    "redis://user:s3cret#x@valkey:6379",
    "redis://user:x@s3cret@valkey:99999",
    "redis://user:s3cret%zz@valkey:6379",
    "redis:user:s3cret@valkey:6379",
    "user:s3cret@valkey:6379",
    "http://user:s3cret@valkey:6379",
    "redis://valkey:6379?password=s3cret",
    "redis://s3cret\n@valkey:6379/x",
  ])("is refused without its password: %j", (state) => {
    expect(refusal({ state })).toMatch(/^--state is/);
    expect(refusal({ state })).not.toContain("s3cret");
    expect(refusal({ state })).toContain("valkey");
  });
});

describe("--state-ca", () => {
  const state = "rediss://valkey:6379";

  it("may be a file of certificates", () => {
    expect(refusal({ state, stateCa: makeCertificate().certificate })).toBe("");
  });

  it("is refused where it is none, or is not there", () => {
    const broken = join(temporaryFolder(), "ca.pem");
    writeFileSync(broken, "no certificate");
    expect(refusal({ state, stateCa: broken })).toMatch(/^--state-ca is .*PEM/);
    expect(refusal({ state, stateCa: `${broken}.none` })).toContain("Cannot read");
  });

  it("is refused where nothing is there that it could be of use for", () => {
    const stateCa = makeCertificate().certificate;
    expect(refusal({ stateCa })).toMatch(/^--state-ca is .*no --state/);
    expect(refusal({ state: "redis://valkey:6379", stateCa })).toContain("write rediss://");
  });
});
