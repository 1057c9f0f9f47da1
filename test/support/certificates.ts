// Certificates for tests, made by openssl when they run.

import { execFileSync } from "node:child_process";
import { copyFileSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { temporaryFolder } from "./components.ts";

export interface IssuedCertificate {
  /** Paths, and what is in them. */
  certPath: string;
  keyPath: string;
  cert: string;
  key: string;
}

const KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export class Authority {
  readonly #folder = temporaryFolder();
  readonly own: IssuedCertificate;
  #made = 0;

  constructor(name: string) {
    this.own = this.#make(["-subj", `/CN=${name}`]);
  }

  /** For a server of this DNS name. */
  issue(name: string): IssuedCertificate {
    const { certPath, keyPath } = this.own;
    const names = ["-addext", `subjectAltName=DNS:${name},IP:127.0.0.1`];
    const leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
    const signer = ["-CA", certPath, "-CAkey", keyPath];
    return this.#make(["-subj", `/CN=${name}`, ...names, ...leaf, ...signer]);
  }

  /** From here on this process's own calls trust it too. */
  trust(): void {
    setDefaultCACertificates([...getCACertificates(), this.own.cert]);
  }

  #make(words: string[]): IssuedCertificate {
    const number = this.#made++;
    const certPath = join(this.#folder, `${number}.crt`);
    const keyPath = join(this.#folder, `${number}.key`);
    const files = ["-keyout", keyPath, "-out", certPath, "-days", "2"];
    execFileSync("openssl", ["req", "-x509", ...KEY, ...files, ...words], { stdio: "pipe" });
    const [cert, key] = [readFileSync(certPath, "utf8"), readFileSync(keyPath, "utf8")];
    return { certPath, keyPath, cert, key };
  }
}

/** Puts a copy in the place at one moment, as Secrets' files are. */
export function replaceWith(path: string, source: string): void {
  copyFileSync(source, `${path}.unfinished`);
  renameSync(`${path}.unfinished`, path);
}
