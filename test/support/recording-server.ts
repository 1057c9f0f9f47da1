// A model server of one role that keeps every request whole, and answers as it is told: what goes
// over the wire is seen, not what a simulator makes of it.
import { once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";

export interface Recorded {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export class RecordingServer {
  readonly seen: Recorded[] = [];
  /** How a request with a body is answered. */
  respond: (response: ServerResponse, request: Recorded) => void;
  readonly #server: Server;

  private constructor(server: Server, respond: RecordingServer["respond"]) {
    this.#server = server;
    this.respond = respond;
  }

  static async start(respond: RecordingServer["respond"]): Promise<RecordingServer> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const body = Buffer.concat(chunks).toString();
      const recorded = { path: request.url ?? "", headers: request.headers, body };
      if (request.method !== "POST") {
        response.end("{}");
        return;
      }
      recording.seen.push(recorded);
      recording.respond(response, recorded);
    });
    const recording = new RecordingServer(server, respond);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return recording;
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

export function answerJson(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body);
}
