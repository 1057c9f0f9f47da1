// A model server that answers at once, so that what is measured is the gateway: raw sockets, no HTTP
// library, nothing read of a request but its length.

import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";
import { ChunkedEnd } from "./chunked-end.ts";

/** Asks for an answer in this many chunks of server-sent events. */
export const CHUNKS_HEADER = "x-bench-chunks";
/** Asks for token counts at the end of such an answer, as the body's stream_options do. */
export const USAGE_HEADER = "x-bench-usage";
/** Between two chunks of one answer: far enough apart that Envoy reads each by itself. */
const CHUNK_PERIOD_MS = 2;

/** Prompt bytes a token, as most tokenisers have it for English text. */
const TOKEN_BYTES = 4;
const ANSWER = {
  ...{ id: "chatcmpl-x", object: "chat.completion", created: 1, model: "m" },
  choices: [{ index: 0, message: { role: "assistant", content: "ok" }, finish_reason: "stop" }],
};
const EVENT = JSON.stringify({
  ...{ id: "chatcmpl-x", object: "chat.completion.chunk", created: 1, model: "m" },
  choices: [{ index: 0, delta: { content: " word" }, finish_reason: null }],
});
const STREAM_HEAD = Buffer.from(
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
);
const CHUNK = chunk(`data: ${EVENT}\n\n`);
/** Of one chunk as it is framed on the wire. */
export const CHUNK_BYTES = CHUNK.length;

export interface InstantServerOptions {
  /** An endpoint each: an `ip:port` of this machine. */
  addresses: string[];
  /** The metrics page of an endpoint, by its place in `addresses`. */
  metrics?: (endpoint: number) => string;
}

/** Several endpoints in one process. */
export class InstantServer {
  readonly #servers: Server[];
  readonly #sockets = new Set<Socket>();
  readonly #options: InstantServerOptions;

  private constructor(options: InstantServerOptions) {
    this.#options = options;
    this.#servers = options.addresses.map((_, endpoint) =>
      createServer({ noDelay: true }, (socket) => this.#accept(socket, endpoint)),
    );
  }

  static async start(options: InstantServerOptions): Promise<InstantServer> {
    const instant = new InstantServer(options);
    for (const [endpoint, server] of instant.#servers.entries()) {
      const [host, port] = (options.addresses[endpoint] ?? "").split(":");
      server.listen(Number(port), host);
      await once(server, "listening");
    }
    return instant;
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
    if (request.chunks > 0) stream(socket, request);
    else if (request.isMetrics) socket.write(answer("text/plain", this.#metrics(endpoint)));
    else socket.write(wholeAnswer(request.bodyBytes));
  }

  #metrics(endpoint: number): string {
    return this.#options.metrics?.(endpoint) ?? metricsPage({});
  }
}

const wholeAnswers = new Map<number, Buffer>();

/** With the usage that a body of so many bytes has; made once for each size, of which there are few. */
function wholeAnswer(bodyBytes: number): Buffer {
  let whole = wholeAnswers.get(bodyBytes);
  if (!whole) {
    whole = answer("application/json", JSON.stringify({ ...ANSWER, usage: usageOf(bodyBytes) }));
    wholeAnswers.set(bodyBytes, whole);
  }
  return whole;
}

function usageOf(bodyBytes: number): object {
  const promptTokens = Math.ceil(bodyBytes / TOKEN_BYTES);
  return {
    prompt_tokens: promptTokens,
    completion_tokens: 1,
    total_tokens: promptTokens + 1,
  };
}

/** An 8 B model's on an 80 GB GPU, in blocks of 16 tokens. */
export const CACHE_BLOCKS = 28_000;

/** vLLM's metrics page of a server that runs nothing. */
export function metricsPage({ waiting = 0, cacheBlocks = CACHE_BLOCKS }): string {
  return [
    "# TYPE vllm:num_requests_waiting gauge",
    `vllm:num_requests_waiting{model_name="m"} ${waiting}`,
    "# TYPE vllm:num_requests_running gauge",
    'vllm:num_requests_running{model_name="m"} 0',
    "# TYPE vllm:kv_cache_usage_perc gauge",
    'vllm:kv_cache_usage_perc{model_name="m"} 0',
    "# TYPE vllm:cache_config_info gauge",
    `vllm:cache_config_info{block_size="16",num_gpu_blocks="${cacheBlocks}"} 1`,
    "",
  ].join("\n");
}

interface Request {
  isMetrics: boolean;
  bodyBytes: number;
  /** Of a streamed answer; 0: the answer comes whole. */
  chunks: number;
  asksUsage: boolean;
}

/** Finds where each request of a connection ends. */
class RequestReader {
  readonly #onRequest: (request: Request) => void;
  #head = "";
  #bodyBytesLeft = 0;
  /** Of a body in chunks. */
  #bodyEnd: ChunkedEnd | undefined;
  #request: Request = { isMetrics: false, bodyBytes: 0, chunks: 0, asksUsage: false };

  constructor(onRequest: (request: Request) => void) {
    this.#onRequest = onRequest;
  }

  read(bytes: Buffer): void {
    if (this.#bodyEnd) this.#readChunks(this.#bodyEnd, bytes);
    else if (this.#bodyBytesLeft > 0) this.#readBody(bytes.length);
    else this.#readHead(bytes);
  }

  #readHead(bytes: Buffer): void {
    const headEnd = bytes.indexOf("\r\n\r\n");
    this.#head += bytes.toString("latin1", 0, headEnd < 0 ? bytes.length : headEnd + 2);
    if (headEnd < 0) return;
    this.#request = {
      isMetrics: this.#head.startsWith("GET /metrics"),
      bodyBytes: this.#number("content-length"),
      chunks: this.#number(CHUNKS_HEADER),
      asksUsage: this.#number(USAGE_HEADER) > 0,
    };
    const isChunked = this.#head.includes("\r\ntransfer-encoding: chunked");
    this.#head = "";
    const rest = bytes.subarray(headEnd + 4);
    this.#bodyBytesLeft = this.#request.bodyBytes;
    if (isChunked) this.#readChunks(new ChunkedEnd(), rest);
    else this.#readBody(rest.length);
  }

  #readBody(bytes: number): void {
    this.#bodyBytesLeft -= bytes;
    if (this.#bodyBytesLeft <= 0) this.#onRequest(this.#request);
  }

  #readChunks(bodyEnd: ChunkedEnd, bytes: Buffer): void {
    this.#request.bodyBytes += bytes.length;
    const isEnd = bodyEnd.take(bytes);
    this.#bodyEnd = isEnd ? undefined : bodyEnd;
    if (isEnd) this.#onRequest(this.#request);
  }

  /** A header's number, 0 when it is not there. Envoy writes names in lower case. */
  #number(name: string): number {
    const at = this.#head.indexOf(`\r\n${name}: `);
    return at < 0 ? 0 : Number.parseInt(this.#head.slice(at + name.length + 4), 10);
  }
}

function stream(socket: Socket, { chunks, bodyBytes, asksUsage }: Request): void {
  socket.write(STREAM_HEAD);
  let left = chunks - 1;
  const timer = setInterval(() => {
    if (socket.destroyed) clearInterval(timer);
    else if (left-- > 0) socket.write(CHUNK);
    else {
      clearInterval(timer);
      socket.write(asksUsage ? streamEndWithUsage(bodyBytes) : STREAM_END);
    }
  }, CHUNK_PERIOD_MS);
}

const LAST_CHUNK = "0\r\n\r\n";
const STREAM_END = Buffer.concat([chunk("data: [DONE]\n\n"), Buffer.from(LAST_CHUNK)]);

function streamEndWithUsage(bodyBytes: number): Buffer {
  const usage = usageOf(bodyBytes);
  const last = JSON.stringify({ object: "chat.completion.chunk", choices: [], usage });
  return Buffer.concat([chunk(`data: ${last}\n\ndata: [DONE]\n\n`), Buffer.from(LAST_CHUNK)]);
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
