// Stand-ins for faults that real parts cannot be made to show, and for what is recorded of a call.

import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";

export interface Seen {
  path: string;
  headers: IncomingHttpHeaders;
  bodyBytes: number;
}

/** An HTTP server that remembers what it saw, and answers, fails or resets as told. */
export class StandIn {
  readonly seen: Seen[] = [];
  answer: "ok" | "503" | "500" | "reset" = "ok";
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(port = 0): Promise<StandIn> {
    const server = createServer((request, response) => {
      let bodyBytes = 0;
      request.on("data", (chunk: Buffer) => {
        bodyBytes += chunk.length;
      });
      request.on("end", () => {
        standIn.seen.push({ path: request.url ?? "", headers: request.headers, bodyBytes });
        if (standIn.answer === "reset") request.socket.destroy();
        else response.writeHead(standIn.answer === "ok" ? 200 : Number(standIn.answer)).end("{}");
      });
    });
    const standIn = new StandIn(server);
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return standIn;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }
}
