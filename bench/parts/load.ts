// Closed-loop load: each connection sends its next request when the answer to the last is whole.
// Raw sockets and one read buffer a connection, so that the load costs little beside what it loads.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { measureUsage, type Usage } from "../measure/processor-time.ts";
import { quantile } from "../measure/quantiles.ts";
import { ChunkedEnd } from "./chunked-end.ts";
import { CHUNK_BYTES, CHUNKS_HEADER, USAGE_HEADER } from "./instant-server.ts";

export interface Load {
  /** Of 127.0.0.1. */
  port: number;
  connections: number;
  /** Of a whole request body. */
  bodyBytes: number;
  /** `unique`: each prompt differs from all others from its first byte on. */
  prompts: "unique" | "repeated";
  /** Chunks of a streamed answer; 0: answers come whole. */
  chunks: number;
  /** Asks for token counts at a streamed answer's end. */
  asksUsage: boolean;
  warmSeconds: number;
  seconds: number;
  /** Process ids whose CPU time is read at the measurement's start and end, by name. */
  processes: { [name: string]: number };
}

export interface Measured {
  /** Whole answers, within the time measured. */
  requests: number;
  /** Answers other than 200, and connections that broke. */
  failures: number;
  requestsPerSecond: number;
  /** Chunks of streamed answers that came within the time measured, also of those cut by its end. */
  chunks: number;
  /** From the first byte written to the last byte read. */
  p50Ms: number;
  p90Ms: number;
  p99Ms: number;
  maxMs: number;
  usage: Usage;
}

export async function runLoad(load: Load): Promise<Measured> {
  const results: Results = {
    isMeasuring: false,
    isOver: false,
    latenciesMs: [],
    failures: 0,
    chunkBytes: 0,
  };
  const clients = Array.from(
    { length: load.connections },
    (_, at) => new Client(load, at, results),
  );
  await Promise.all(clients.map((client) => client.open()));
  for (const client of clients) client.send();
  await sleep(load.warmSeconds * 1000);
  const endUsage = measureUsage(load.processes);
  results.isMeasuring = true;
  await sleep(load.seconds * 1000);
  results.isOver = true;
  const usage = endUsage();
  for (const client of clients) client.close();
  const { latenciesMs, failures, chunkBytes } = results;
  return {
    requests: latenciesMs.length,
    failures,
    requestsPerSecond: latenciesMs.length / usage.seconds,
    chunks: load.chunks > 0 ? Math.round(chunkBytes / CHUNK_BYTES) : 0,
    p50Ms: quantile(latenciesMs, 0.5),
    p90Ms: quantile(latenciesMs, 0.9),
    p99Ms: quantile(latenciesMs, 0.99),
    maxMs: quantile(latenciesMs, 1),
    usage,
  };
}

interface Results {
  isMeasuring: boolean;
  isOver: boolean;
  latenciesMs: number[];
  failures: number;
  chunkBytes: number;
}

const READ_BYTES = 64 * 1024;
/** Where in the prompt a number stands that no other prompt has. */
const NUMBER_CHARACTERS = 24;

class Client {
  readonly #load: Load;
  readonly #results: Results;
  readonly #request: Buffer;
  readonly #numberAt: number;
  readonly #numberStart: string;
  #socket: Socket | undefined;
  #sent = 0;
  #sentAtMs = 0;
  #isWarm = false;
  /** Of the answer's body; -1 until its head is read, Infinity when it is chunked. */
  #bytesLeft = -1;
  #bodyEnd = new ChunkedEnd();

  constructor(load: Load, number: number, results: Results) {
    this.#load = load;
    this.#results = results;
    const { head, prompt, request } = requestOf(load);
    this.#request = request;
    this.#numberAt = head + prompt;
    // Runs and connections differ in these digits, requests in those that follow.
    this.#numberStart = `${Date.now().toString(16).slice(-9)}${number.toString(16).padStart(4, "0")}`;
  }

  async open(): Promise<void> {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    this.#socket = connect({
      ...{ port: this.#load.port, host: "127.0.0.1", noDelay: true },
      onread: {
        buffer,
        callback: (bytes) => {
          this.#read(buffer, bytes);
          return true;
        },
      },
    });
    await once(this.#socket, "connect");
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      if (!this.#results.isOver) this.#results.failures++;
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  send(): void {
    if (this.#load.prompts === "unique") {
      const number = this.#numberStart + (this.#sent++).toString(16).padStart(11, "0");
      this.#request.write(number, this.#numberAt, NUMBER_CHARACTERS, "latin1");
    }
    // An answer counts when its request, too, was sent within the time measured.
    this.#isWarm = this.#results.isMeasuring;
    this.#sentAtMs = performance.now();
    this.#socket?.write(this.#request);
  }

  #read(buffer: Buffer, bytes: number): void {
    if (this.#bytesLeft < 0) this.#readHead(buffer, bytes);
    else if (this.#bytesLeft === Number.POSITIVE_INFINITY) this.#readChunks(buffer, bytes);
    else this.#bytesLeft -= bytes;
    if (this.#bytesLeft === 0) this.#finish();
  }

  /** An answer's head comes in one piece: it is small, and written at once. */
  #readHead(buffer: Buffer, bytes: number): void {
    const end = buffer.indexOf("\r\n\r\n");
    const head = buffer.toString("latin1", 0, end);
    if (!head.startsWith("HTTP/1.1 200")) this.#results.failures++;
    const at = head.indexOf("content-length: ");
    if (at >= 0) {
      this.#bytesLeft = Number.parseInt(head.slice(at + 16), 10) - (bytes - end - 4);
    } else {
      this.#bytesLeft = Number.POSITIVE_INFINITY;
      this.#bodyEnd = new ChunkedEnd();
      this.#readChunks(buffer.subarray(end + 4), bytes - end - 4);
    }
  }

  #readChunks(buffer: Buffer, bytes: number): void {
    if (this.#results.isMeasuring) this.#results.chunkBytes += bytes;
    if (this.#bodyEnd.take(buffer, bytes)) this.#bytesLeft = 0;
  }

  #finish(): void {
    this.#bytesLeft = -1;
    if (this.#results.isOver) return;
    if (this.#isWarm) this.#results.latenciesMs.push(performance.now() - this.#sentAtMs);
    this.send();
  }
}

function streamOptions({ chunks, asksUsage }: Load): string {
  if (chunks === 0) return "";
  return asksUsage ? ',"stream":true,"stream_options":{"include_usage":true}' : ',"stream":true';
}

const SENTENCE = "the quick brown fox jumps over the lazy dog ";

/** A chat request: where its body and, in it, the prompt begin, and all its bytes. */
function requestOf(load: Load): { head: number; prompt: number; request: Buffer } {
  const start = '{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"';
  const end = `"}]${streamOptions(load)}}`;
  const promptBytes = Math.max(NUMBER_CHARACTERS, load.bodyBytes - start.length - end.length);
  const prompt = SENTENCE.repeat(promptBytes / SENTENCE.length + 1).slice(0, promptBytes);
  const body = start + prompt + end;
  const head = [
    "POST /v1/chat/completions HTTP/1.1",
    `host: 127.0.0.1:${load.port}`,
    "content-type: application/json",
    ...(load.chunks > 0 ? [`${CHUNKS_HEADER}: ${load.chunks}`] : []),
    ...(load.asksUsage ? [`${USAGE_HEADER}: 1`] : []),
    `content-length: ${body.length}`,
    "\r\n",
  ].join("\r\n");
  return { head: head.length, prompt: start.length, request: Buffer.from(head + body, "latin1") };
}
