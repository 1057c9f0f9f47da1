// A model server that answers at once and always the same, so that what is measured is the gateway:
// raw sockets, no HTTP library, nothing read of a request but its length.

import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";

/** Asks for an answer in this many chunks of server-sent events. */
export const CHUNKS_HEADER = "x-bench-chunks";
/** Between two chunks of one answer: far enough apart that Envoy reads each by itself. */
const CHUNK_PERIOD_MS = 2;

const USAGE = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 };
const ANSWER = JSON.stringify({
  ...{ id: "chatcmpl-x", object: "chat.completion", created: 1, model: "m" },
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
  usage: USAGE,
});
const EVENT = JSON.stringify({
  ...{ id: "chatcmpl-x", object: "chat.completion.chunk", created: 1, model: "m" },
  choices: [{ index: 0, delta: { content: " word" }, finish_reason: null }],
});
const LAST_EVENT = JSON.stringify({ object: "chat.completion.chunk", choices: [], usage: USAGE });

const WHOLE_ANSWER = answer("application/json", ANSWER);
const STREAM_HEAD = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
);
const CHUNK = chunk(`data: ${EVENT}\n\n`);
/** Of one chunk as it is framed on the wire. */
export const CHUNK_BYTES = CHUNK.length;
const STREAM_END = Buffer.concat([
  chunk(`data: ${LAST_EVENT}\n\ndata: [DONE]\n\n`),
  Buffer.from("0\r\n\r\n"),
]);

export interface InstantServerOptions {
  /** `ip:port` is told by `addresses`; each endpoint takes a port of 127.0.0.1. */
  ports: number[];
  /** The metrics page of an endpoint, by its place in `ports`. */
  metrics?: (endpoint: number) => string;
}

/** Several endpoints in one process. */
export class InstantServer {
  readonly #servers: Server[];
  readonly #sockets = new Set<Socket>();
  readonly #options: InstantServerOptions;

  private constructor(options: InstantServerOptions) {
    this.#options = options;
    this.#servers = options.ports.map((_, endpoint) =>
      createServer({ noDelay: true }, (socket) => this.#accept(socket, endpoint)),
    );
  }

  static async start(options: InstantServerOptions): Promise<InstantServer> {
    const instant = new InstantServer(options);
    for (const [endpoint, server] of instant.#servers.entries()) {
      server.listen(options.ports[endpoint], "127.0.0.1");
      await once(server, "listening");
    }
    return instant;
  }

  /** `ip:port` of each endpoint. */
  get addresses(): string[] {
    return this.#servers.map((server) => `127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  async stop(): Promise<void> {
    const closed = this.#servers.map((server) => once(server.close(), "close"));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  #accept(socket: Socket, endpoint: number): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    const reader = new RequestReader((request) => this.#answer(socket, endpoint, request));
    socket.on("data", (bytes: Buffer) => reader.read(bytes));
  }

  #answer(socket: Socket, endpoint: number, request: Request): void {
    if (request.chunks > 0) stream(socket, request.chunks);
    else if (request.isMetrics) socket.write(answer("text/plain", this.#metrics(endpoint)));
    else socket.write(WHOLE_ANSWER);
  }

  #metrics(endpoint: number): string {
    return (this.#options.metrics ?? idleMetrics)(endpoint);
  }
}

/** vLLM's page of an idle server; `blocks` of 16 tokens are an 8 B model's on an 80 GB GPU. */
function idleMetrics(): string {
  return metricsPage({ waiting: 0 });
}

export function metricsPage({ waiting }: { waiting: number }): string {
  return [
    "# TYPE vllm:num_requests_waiting gauge",
    `vllm:num_requests_waiting{model_name="m"} ${waiting}`,
    "# TYPE vllm:num_requests_running gauge",
    'vllm:num_requests_running{model_name="m"} 0',
    "# TYPE vllm:kv_cache_usage_perc gauge",
    'vllm:kv_cache_usage_perc{model_name="m"} 0',
    "# TYPE vllm:cache_config_info gauge",
    'vllm:cache_config_info{block_size="16",num_gpu_blocks="28000"} 1',
    "",
  ].join("\n");
}

interface Request {
  isMetrics: boolean;
  /** Of a streamed answer; 0: the answer comes whole. */
  chunks: number;
}

/** Finds where each request of a connection ends. */
class RequestReader {
  readonly #onRequest: (request: Request) => void;
  #head = "";
  #bodyBytesLeft = 0;
  #request: Request = { isMetrics: false, chunks: 0 };

  constructor(onRequest: (request: Request) => void) {
    this.#onRequest = onRequest;
  }

  read(bytes: Buffer): void {
    if (this.#bodyBytesLeft > 0) {
      this.#bodyBytesLeft -= bytes.length;
      if (this.#bodyBytesLeft <= 0) this.#onRequest(this.#request);
      return;
    }
    const headEnd = bytes.indexOf("\r\n\r\n");
    this.#head += bytes.toString("latin1", 0, headEnd < 0 ? bytes.length : headEnd + 2);
    if (headEnd < 0) return;
    this.#request = {
      isMetrics: this.#head.startsWith("GET /metrics"),
      chunks: this.#number(CHUNKS_HEADER),
    };
    this.#bodyBytesLeft = this.#number("content-length") - (bytes.length - headEnd - 4);
    this.#head = "";
    if (this.#bodyBytesLeft <= 0) this.#onRequest(this.#request);
  }

  /** A header's number, 0 when it is not there. Envoy writes names in lower case. */
  #number(name: string): number {
    const at = this.#head.indexOf(`\r\n${name}: `);
    return at < 0 ? 0 : Number.parseInt(this.#head.slice(at + name.length + 4), 10);
  }
}

function stream(socket: Socket, chunks: number): void {
  socket.write(STREAM_HEAD);
  let left = chunks - 1;
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer);
    else if (left-- > 0) socket.write(CHUNK);
    else {
      clearInterval(timer);
      socket.write(STREAM_END);
    }
  }, CHUNK_PERIOD_MS);
}

function answer(type: string, body: string): Buffer {
  const length = Buffer.byteLength(body);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n\r\n${body}`,
  );
}

function chunk(text: string): Buffer {
  return Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
}
