// One request through a gateway, each on a connection of its own, so that any worker may get it.

import { type ClientRequest, type IncomingHttpHeaders, request } from "node:http";

export interface Candidate {
  endpoint: string;
  matchedKeys: number;
  requests: number;
  backlogBytes: number;
  residentBytes: number;
  score: number;
  costBytes?: number;
  /** What each scorer of the profile said, before weights, by its type. */
  scorers: Record<string, number>;
}

export interface Explanation {
  stage: "fresh" | "stale" | "blind";
  pool: string;
  /** The candidates are endpoints that this gateway saw fail, as there are no others. */
  lastResort?: true;
  keys: number;
  promptBytes: number;
  candidates: Candidate[];
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The stream broke off before its end. */
  isCut: boolean;
  /** `ip:port` of the endpoint that served. */
  endpoint: string;
  explanation: Explanation | null;
}

export interface Asking {
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: unknown;
  /** Sends the body without its length, in pieces of so many bytes. */
  pieceBytes?: number;
}

/** Sends a request that asks to be explained and reads its answer to the end. Never rejects. */
export function ask(url: string, asking: Asking): Promise<Answer> {
  const { path, method, headers, body, pieceBytes } = asking;
  const target = new URL(path ?? "/v1/chat/completions", url);
  const sent = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  return new Promise((resolve) => {
    const failed = () => resolve({ ...NOTHING, headers: {}, status: 0, isCut: true });
    const outgoing = request(
      target,
      {
        method: method ?? "POST",
        agent: false,
        timeout: 30_000,
        headers: {
          "content-type": "application/json",
          "x-hintway-explain": "1",
          ...(sent === undefined || pieceBytes
            ? {}
            : { "content-length": Buffer.byteLength(sent) }),
          ...headers,
        },
      },
      (incoming) => {
        let text = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          text += chunk;
        });
        incoming.on("error", () => {});
        incoming.on("close", () =>
          resolve({
            status: incoming.statusCode ?? 0,
            headers: incoming.headers,
            text,
            isCut: !incoming.complete,
            endpoint: String(incoming.headers["x-hintway-endpoint"] ?? ""),
            explanation: explanationOf(incoming.headers),
          }),
        );
      },
    );
    outgoing.on("error", failed);
    outgoing.on("timeout", () => outgoing.destroy());
    if (pieceBytes) writePieces(outgoing, sent ?? "", pieceBytes);
    else outgoing.end(sent);
  });
}

/** Each piece leaves by itself: the next one waits for a turn of the event loop. */
function writePieces(outgoing: ClientRequest, text: string, pieceBytes: number): void {
  const bytes = Buffer.from(text);
  const write = (start: number) => {
    if (start >= bytes.length) {
      outgoing.end();
    } else {
      outgoing.write(bytes.subarray(start, start + pieceBytes));
      setImmediate(write, start + pieceBytes);
    }
  };
  write(0);
}

const NOTHING = { text: "", endpoint: "", explanation: null };

function explanationOf(headers: IncomingHttpHeaders): Explanation | null {
  const text = headers["x-hintway-explain"];
  return typeof text === "string" ? (JSON.parse(text) as Explanation) : null;
}

export interface Message {
  role: "system" | "user" | "assistant";
  content: string;
}

/** A chat with a model of the simulator; `tokens` are asked for. */
export function chat(messages: Message[], tokens = 4, stream = false): Asking {
  return { body: { model: "hintway-sim", messages, max_tokens: tokens, stream } };
}

/** About `bytes` bytes of text that no other `seed` shares a block with. */
export function prose(seed: string | number, bytes: number): string {
  const sentence = `${seed} walks along the river and counts the boats of ${seed}. `;
  return sentence.repeat(Math.ceil(bytes / sentence.length)).slice(0, bytes);
}

/** The candidate that an explanation gives for an endpoint. */
export function candidateOf(
  { explanation }: Pick<Answer, "explanation">,
  endpoint: string,
): Candidate | undefined {
  return explanation?.candidates.find((candidate) => candidate.endpoint === endpoint);
}
