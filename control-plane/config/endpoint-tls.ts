// TLS to the endpoints of each pool that the setting `endpointTls` names; those of others speak plain HTTP.
//
//   qwen: { name: qwen.inference.svc, caCertificates: "-----BEGIN CERTIFICATE-----…" }
//   llama: { insecureSkipVerify: true }
import { X509Certificate } from "node:crypto";
import { type Static, Type } from "typebox";
import { isPoolName } from "../named-file.ts";
import type { EndpointTls, EndpointTlsByPool } from "../pool/endpoint-tls.ts";
import { type SchemaProblem, schemaProblem } from "./schema-problem.ts";

const Entry = Type.Object(
  {
    name: Type.Optional(Type.String({ minLength: 1, maxLength: 253 })),
    caCertificates: Type.Optional(Type.String({ minLength: 1 })),
    insecureSkipVerify: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
type Entry = Static<typeof Entry>;
const Entries = Type.Record(Type.String(), Entry);

/** By pool; or what is wrong with the first wrong entry. */
export function endpointTlsOf(value: unknown): EndpointTlsByPool | SchemaProblem {
  const wrong = schemaProblem(Entries, value);
  if (wrong !== undefined) return wrong;
  const byPool = new Map<string, EndpointTls>();
  for (const [pool, entry] of Object.entries(value as Static<typeof Entries>)) {
    const [field, problem] = problemOf(pool, entry) ?? [];
    if (field !== undefined && problem !== undefined) {
      return { kind: "invalid value", path: [pool, field], value: entry[field], problem };
    }
    const { name = null, caCertificates = null } = entry;
    byPool.set(pool, { name, caCertificates });
  }
  return byPool;
}

/** What a schema cannot say: the field, and what is expected of it. */
function problemOf(
  pool: string,
  { name, caCertificates, insecureSkipVerify }: Entry,
): [keyof Entry, string] | undefined {
  if (!isPoolName(pool)) return ["name", "its key must be the name of a pool"];
  if (insecureSkipVerify === true) {
    if (caCertificates === undefined) return undefined;
    return ["insecureSkipVerify", "leave it out, or caCertificates: with both nothing is verified"];
  }
  if (caCertificates === undefined) {
    return ["caCertificates", "give the certificates to trust, or say insecureSkipVerify: true"];
  }
  if (!areCertificates(caCertificates)) return ["caCertificates", "must be certificates, as PEM"];
  return name === undefined
    ? ["name", "give the DNS name in the endpoints' certificates"]
    : undefined;
}

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

function areCertificates(text: string): boolean {
  const found = text.match(PEM) ?? [];
  try {
    for (const pem of found) new X509Certificate(pem);
  } catch {
    return false;
  }
  return found.length > 0;
}
