import { expect, it } from "vitest";
import { parseSettings } from "../../../control-plane/config/settings-document.ts";
import { Authority } from "../../support/certificates.ts";

const { cert: caCertificates } = new Authority("ours").own;

function refusal(endpointTls: object): string {
  try {
    parseSettings(JSON.stringify({ endpointTls }), "settings.yaml");
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error(`not refused: ${JSON.stringify(endpointTls)}`);
}

it("TLS to a pool's endpoints is given with the CA and a name, or said not to be verified", () => {
  const endpointTls = {
    qwen: { name: "qwen.svc", caCertificates },
    llama: { insecureSkipVerify: true },
  };
  const read = parseSettings(JSON.stringify({ endpointTls }), "").endpointTls;
  expect([...(read ?? [])]).toEqual([
    ["qwen", { name: "qwen.svc", caCertificates }],
    ["llama", { name: null, caCertificates: null }],
  ]);
});

it("what would not be verified without being said is refused by field and remedy", () => {
  expect(refusal({ a: {} })).toMatch(/a.caCertificates is absent.*insecureSkipVerify: true/);
  expect(refusal({ a: { caCertificates } })).toMatch(/a.name is absent: give the DNS name/);
  expect(refusal({ a: { name: "n", insecureSkipVerify: false } })).toMatch(
    /caCertificates is absent/,
  );
  const both = { name: "n", caCertificates, insecureSkipVerify: true };
  expect(refusal({ a: both })).toMatch(/insecureSkipVerify is true: leave it out/);
  const odd = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
  for (const text of ["/etc/ca.crt", odd]) {
    expect(refusal({ a: { name: "n", caCertificates: text } })).toMatch(
      /must be certificates, as PEM/,
    );
  }
});

it("an unknown key, another type and a key that is no pool are refused with their place", () => {
  expect(refusal({ a: { ca: "x" } })).toMatch(
    /^settings.yaml:1:.*unknown key "ca".*caCertificates/,
  );
  expect(refusal({ a: "yes" })).toMatch(/endpointTls.a is "yes"/);
  expect(refusal({ "a b": { insecureSkipVerify: true } })).toMatch(/name of a pool/);
});
