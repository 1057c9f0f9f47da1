import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** What was written reaches the client's kernel before the reset does. */
const RESET_DELAY_MS = 10;

/** Ends a connection the hard way, with RST, after what was written has left. */
export function resetAfterWrites(response: ServerResponse, text = ""): void {
  const reset = () => setTimeout(() => response.socket?.resetAndDestroy(), RESET_DELAY_MS);
  if (text === "") reset();
  else response.write(text, reset);
}

/**
 * A streamed answer. Its headers leave at once, before prefill, as vLLM's do; events of one turn of
 * the event loop leave in one write.
 */
export class EventStream {
  readonly #response: ServerResponse;
  #pending = "";
  /** Tokens still to be written before the connection is reset. */
  #tokensUntilReset: number;
  #isReset = false;

  constructor(response: ServerResponse, headers: OutgoingHttpHeaders, tokensUntilReset = Infinity) {
    this.#response = response;
    this.#tokensUntilReset = tokensUntilReset;
    response.writeHead(200, {
      ...headers,
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
    });
    response.flushHeaders();
    if (tokensUntilReset === 0) this.#reset();
  }

  write(events: string): void {
    if (this.#isReset || events === "") return;
    if (this.#pending === "") process.nextTick(() => this.#flush());
    this.#pending += events;
  }

  writeToken(events: string): void {
    this.write(events);
    if (--this.#tokensUntilReset === 0) this.#reset();
  }

  end(): void {
    if (this.#isReset) return;
    const last = this.#pending;
    this.#pending = "";
    this.#response.end(last);
  }

  #flush(): void {
    if (this.#pending === "") return;
    this.#response.write(this.#pending);
    this.#pending = "";
  }

  #reset(): void {
    this.#isReset = true;
    const last = this.#pending;
    this.#pending = "";
    resetAfterWrites(this.#response, last);
  }
}
