// The certificate that the web server shows. Written anew, it is taken without a restart: connections
// that are open, and the polls that they hold, go on.

import { readFileSync } from "node:fs";
import type { Server } from "node:net";
import { createSecureContext, type TLSSocket, Server as TlsServer } from "node:tls";
import { fileUnreadable, flagInvalid, tlsInvalid } from "../errors.ts";

/** Paths. */
export interface CertificateFiles {
  cert: string;
  key: string;
}

/** PEM; the certificate with its chain. */
export interface Certificate {
  cert: string;
  key: string;
}

interface Flags {
  tlsCert?: string;
  tlsKey?: string;
}

/** Undefined where the control plane speaks plain HTTP. Throws FLAG_INVALID for one without the other. */
export function certificateFiles({
  tlsCert: cert,
  tlsKey: key,
}: Flags): CertificateFiles | undefined {
  if (cert !== undefined && key !== undefined) return { cert, key };
  if (cert !== undefined) {
    throw flagInvalid("--tls-cert", cert, "HTTPS needs its key too; name it with --tls-key");
  }
  if (key === undefined) return undefined;
  throw flagInvalid("--tls-key", key, "HTTPS needs its certificate too; name it with --tls-cert");
}

/**
 * Reads both files at one moment, as those of a Secret change at one moment. Throws FILE_UNREADABLE, or
 * TLS_INVALID where they are no certificate and its key.
 */
export function readCertificate(files: CertificateFiles): Certificate {
  const read = { cert: textOf(files.cert), key: textOf(files.key) };
  try {
    createSecureContext(read);
  } catch (cause) {
    throw tlsInvalid(files, cause);
  }
  return read;
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw fileUnreadable(path, cause);
  }
}

export class Tls {
  #inForce: Certificate;
  #server: TlsServer | undefined;

  constructor(certificate: Certificate) {
    this.#inForce = certificate;
  }

  get certificate(): Certificate {
    return this.#inForce;
  }

  /** From here on who connects is shown this one. Answers whether it is another. */
  replace(certificate: Certificate): boolean {
    const { cert, key } = this.#inForce;
    if (cert === certificate.cert && key === certificate.key) return false;
    this.#inForce = certificate;
    this.#server?.setSecureContext(certificate);
    return true;
  }

  /** `onRefused`: somebody did not get through, for the reason given. */
  follow(server: Server, onRefused: (client: string, reason: string) => void): void {
    if (!(server instanceof TlsServer)) throw new TypeError("the server speaks no TLS");
    this.#server = server;
    server.on("tlsClientError", (error: Error, socket: TLSSocket) => {
      onRefused(socket.remoteAddress ?? "unknown", error.message);
    });
  }
}
