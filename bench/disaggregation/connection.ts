// One kept connection: a request's bytes in, the answer's body out. Raw sockets, so that a client of
// two legs costs little beside what it asks.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

export class Connection {
  readonly #socket: Socket;
  #answered: ((body: string) => void) | undefined;
  #failed: ((error: Error) => void) | undefined;
  #text = "";

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => this.#read(text));
    socket.on("error", () => {});
    socket.on("close", () => this.#failed?.(new Error("the connection was closed")));
  }

  static async open(port: number): Promise<Connection> {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    return new Connection(socket);
  }

  /** Rejects when the answer is not a 200, or the connection breaks. */
  ask(body: string): Promise<string> {
    const head =
      "POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\n" +
      `x-request-id: 00000000-0000-4000-8000-000000000000\r\ncontent-length: ${body.length}\r\n\r\n`;
    this.#socket.write(head + body, "latin1");
    return new Promise((resolve, reject) => {
      this.#answered = resolve;
      this.#failed = reject;
    });
  }

  close(): void {
    this.#failed = undefined;
    this.#socket.destroy();
  }

  /** Every server here says how long its answers are. */
  #read(text: string): void {
    this.#text += text;
    const headEnd = this.#text.indexOf("\r\n\r\n");
    if (headEnd < 0) return;
    const head = this.#text.slice(0, headEnd).toLowerCase();
    const at = head.indexOf("content-length: ");
    const bytes = Number.parseInt(head.slice(at + 16), 10);
    if (this.#text.length < headEnd + 4 + bytes) return;
    const body = this.#text.slice(headEnd + 4);
    this.#text = "";
    if (head.startsWith("http/1.1 200")) this.#answered?.(body);
    else this.#failed?.(new Error(`answered ${head.slice(9, 12)}: ${body}`));
  }
}
