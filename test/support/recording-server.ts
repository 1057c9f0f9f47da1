// A server that keeps every request whole, and answers, fails or resets as it is told: what goes over
// the wire is seen, not what a simulator makes of it.
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

export type Respond = (response: ServerResponse, request: Recorded) => void;

export class RecordingServer {
  readonly seen: Recorded[] = [];
  /** How a POST is answered; probes get an empty object, and are not kept. */
  respond: Respond;
  readonly #server: Server;

  private constructor(server: Server, respond: Respond) {
    this.#server = server;
    this.respond = respond;
  }

  static async start(respond = answerNothing, port = 0): Promise<RecordingServer> {
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
    server.listen(port, "127.0.0.1");
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

/** An empty object, as the answer of a server of which only what it saw counts. */
export const answerNothing: Respond = (response) => answerJson(response, "{}");

/** Ends the connection without a word. */
export const reset: Respond = (response) => response.socket?.destroy();

export function answerJson(response: ServerResponse, body: string, status = 200): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(body);
}
