// A certificate for 127.0.0.1 that signs itself, made anew.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { temporaryFolder } from "./components.ts";

export interface Certificate {
  /** Paths of PEM files. */
  key: string;
  certificate: string;
}

export function makeCertificate(): Certificate {
  const folder = temporaryFolder();
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "certificate.pem")];
  const kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  const subject = ["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"];
  const run = spawnSync("openssl", [...kind, ...subject, "-keyout", key, "-out", certificate]);
  if (run.status !== 0) throw new Error(`openssl: ${run.error?.message ?? run.stderr}`);
  return { key, certificate };
}
