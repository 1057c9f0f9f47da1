// The way to an API server, which can be cut, blocked, or made to fall silent.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

export class Link {
  readonly #server: Server;
  readonly #pairs = new Set<[Socket, Socket]>();
  /** What comes is closed at once. */
  isBlocked = false;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a port of its own for what goes to `port`. */
  static async to(port: number): Promise<Link> {
    const server = createServer();
    const link = new Link(server);
    server.on("connection", (client) => link.#join(client, port));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections open at this moment. */
  get connections(): number {
    return this.#pairs.size;
  }

  #join(client: Socket, port: number): void {
    if (this.isBlocked) {
      client.destroy();
      return;
    }
    const server = connect(port, "127.0.0.1");
    const pair: [Socket, Socket] = [client, server];
    this.#pairs.add(pair);
    client.pipe(server).pipe(client);
    for (const socket of pair) {
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#pairs.delete(pair);
        for (const other of pair) other.destroy();
      });
    }
  }

  /** What is open hears nothing more, and is not told so. What comes later is joined as ever. */
  hush(): void {
    for (const [client, server] of this.#pairs) {
      client.unpipe(server);
      server.unpipe(client);
      client.resume();
      server.resume();
    }
  }

  /** Closes what is open. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
  }

  stop(): void {
    this.cut();
    this.#server.close();
  }
}
