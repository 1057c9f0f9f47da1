// The model servers of many Pods in one process: one port on every loopback address, and each address
// a server of its own, which streams answers until its Pod has ended and then refuses.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const EVENT_PAUSE_MS = 50;

export class PodServers {
  readonly #server: Server;
  /** Of each answer, EVENT_PAUSE_MS apart. */
  readonly #events: number;
  readonly #sockets = new Map<string, Set<Socket>>();
  readonly #ended = new Set<string>();
  /** By address, how many requests have come, and when the last did, by performance.now(). */
  readonly requests = new Map<string, number>();
  readonly lastMs = new Map<string, number>();
  /** By address, how many streams run. */
  readonly streams = new Map<string, number>();

  private constructor(server: Server, events: number) {
    this.#server = server;
    this.#events = events;
  }

  static async start(events = 10): Promise<PodServers> {
    const server = createServer();
    const servers = new PodServers(server, events);
    server.on("connection", (socket) => servers.#accept(socket));
    server.on("request", (request, response) => void servers.#answer(request, response));
    server.listen(0, "0.0.0.0");
    await once(server, "listening");
    return servers;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The Pod's containers have ended: what runs there is cut, what comes is refused. */
  end(address: string): void {
    this.#ended.add(address);
    for (const socket of this.#sockets.get(address) ?? []) socket.destroy();
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #accept(socket: Socket): void {
    const address = socket.localAddress ?? "";
    if (this.#ended.has(address)) {
      socket.destroy();
      return;
    }
    const sockets = this.#sockets.get(address) ?? new Set();
    this.#sockets.set(address, sockets.add(socket));
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.url === "/metrics") {
      response.end("vllm:num_requests_waiting 0\nvllm:num_requests_running 0\n");
      return;
    }
    const address = request.socket.localAddress ?? "";
    this.requests.set(address, (this.requests.get(address) ?? 0) + 1);
    this.lastMs.set(address, performance.now());
    this.#add(address, 1);
    response.on("close", () => this.#add(address, -1));
    request.resume();
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (let event = 0; event < this.#events; event++) {
      response.write(`data: {"choices":[{"text":"${event}"}]}\n\n`);
      await sleep(EVENT_PAUSE_MS);
    }
    response.end("data: [DONE]\n\n");
  }

  #add(address: string, count: number): void {
    this.streams.set(address, (this.streams.get(address) ?? 0) + count);
  }
}
