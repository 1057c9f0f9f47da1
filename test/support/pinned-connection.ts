// A connection that stays open, and so on one worker, over which requests ask to be explained.

import { Agent, type IncomingHttpHeaders, request } from "node:http";
import { SIMULATED_MODEL } from "../../start/parts.ts";
import type { Explanation } from "./asking.ts";

export interface Asked {
  /** 0 when the connection broke. */
  status: number;
  /** `ip:port` that was picked; empty when nothing explains it. */
  endpoint: string;
  explanation: Explanation | null;
  /** The answer's; empty when the connection broke. */
  headers: IncomingHttpHeaders;
  /** By performance.now(). */
  sentMs: number;
  receivedMs: number;
}

export class PinnedConnection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #url: string;

  constructor(url: string) {
    this.#url = `${url}/v1/chat/completions`;
  }

  /** Never rejects. */
  ask(content: string, headers: { [name: string]: string } = {}): Promise<Asked> {
    const messages = [{ role: "user", content }];
    const body = JSON.stringify({ model: SIMULATED_MODEL, max_tokens: 1, messages });
    const sentMs = performance.now();
    const nothing = { status: 0, endpoint: "", explanation: null, headers: {}, sentMs };
    return new Promise((resolve) => {
      const fail = () => resolve({ ...nothing, receivedMs: performance.now() });
      const sent = request(
        this.#url,
        {
          agent: this.#agent,
          method: "POST",
          headers: {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(body),
            "x-hintway-explain": "1",
            ...headers,
          },
        },
        (answer) => {
          const explanation = answer.headers["x-hintway-explain"];
          answer.on("error", fail);
          answer.resume().on("end", () =>
            resolve({
              status: answer.statusCode ?? 0,
              endpoint: String(answer.headers["x-hintway-endpoint"] ?? ""),
              explanation: typeof explanation === "string" ? JSON.parse(explanation) : null,
              headers: answer.headers,
              sentMs,
              receivedMs: performance.now(),
            }),
          );
        },
      );
      sent.on("error", fail);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}
