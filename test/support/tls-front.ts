// A model server's HTTPS, as a proxy beside it in its Pod would speak it.

import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import { createServer, type Server, type TLSSocket } from "node:tls";
import type { IssuedCertificate } from "./certificates.ts";

export class TlsFront {
  readonly #server: Server;
  readonly #open = new Set<TLSSocket>();
  readonly #names = new Set<string>();
  /** How often somebody did not get through. */
  refused = 0;

  private constructor(serverPort: number, { cert, key }: IssuedCertificate) {
    this.#server = createServer({ cert, key }, (socket) => {
      if (typeof socket.servername === "string") this.#names.add(socket.servername);
      this.#open.add(socket);
      socket.once("close", () => this.#open.delete(socket));
      const inner = connect(serverPort, "127.0.0.1");
      for (const end of [socket, inner]) {
        end.on("error", () => {});
        end.on("close", () => {
          socket.destroy();
          inner.destroy();
        });
      }
      socket.pipe(inner).pipe(socket);
    });
    this.#server.on("tlsClientError", () => this.refused++);
  }

  /** Before what listens at the port. */
  static async start(serverPort: number, issued: IssuedCertificate): Promise<TlsFront> {
    const front = new TlsFront(serverPort, issued);
    front.#server.listen(0, "127.0.0.1");
    await once(front.#server, "listening");
    return front;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The names that it was asked for. */
  get names(): string[] {
    return [...this.#names];
  }

  /** From here on who connects is shown this one. */
  show({ cert, key }: IssuedCertificate): void {
    this.#server.setSecureContext({ cert, key });
  }

  /** Ends what is open. */
  drop(): void {
    for (const socket of this.#open) socket.destroy();
  }

  stop(): void {
    this.#server.close();
    this.drop();
  }
}
