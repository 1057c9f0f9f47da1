// Clients that each ask for a stream again when the last has ended.

import { setTimeout as sleep } from "node:timers/promises";

interface Streamed {
  /** Null where the whole stream has come. */
  failure: string | null;
  /** Until the answer's headers. */
  firstMs: number;
}

interface Options {
  /** Random by default, so that no server is preferred. */
  prompt?(): string;
  /** From a client's beginning to the next one's; together by default. */
  apartMs?: number;
}

export class StreamLoad {
  readonly #clients: Promise<void>[];
  readonly #url: string;
  readonly #prompt: () => string;
  #isOver = false;
  #firstMsMax = 0;
  #served = 0;
  readonly #failures: string[] = [];

  constructor(url: string, clients: number, { prompt = randomPrompt, apartMs = 0 }: Options = {}) {
    this.#url = url;
    this.#prompt = prompt;
    this.#clients = Array.from({ length: clients }, (_, index) => this.#run(index * apartMs));
  }

  async end(): Promise<{ failures: string[]; served: number; firstMsMax: number }> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return { failures: this.#failures, served: this.#served, firstMsMax: this.#firstMsMax };
  }

  async #run(afterMs: number): Promise<void> {
    await sleep(afterMs);
    while (!this.#isOver) {
      const { failure, firstMs } = await askForStream(this.#url, this.#prompt());
      this.#firstMsMax = Math.max(this.#firstMsMax, firstMs || 0);
      if (failure === null) this.#served++;
      else this.#failures.push(failure);
    }
  }
}

/** Never rejects. */
export async function askForStream(url: string, prompt = randomPrompt()): Promise<Streamed> {
  const sentMs = performance.now();
  let firstMs = Number.NaN;
  try {
    const answer = await fetch(`${url}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "m", prompt, stream: true }),
    });
    firstMs = performance.now() - sentMs;
    const text = await answer.text();
    if (answer.status !== 200) return { failure: `${answer.status} ${text}`, firstMs };
    const isWhole = text.endsWith("data: [DONE]\n\n");
    return { failure: isWhole ? null : `cut off: ${text.slice(-80)}`, firstMs };
  } catch (error) {
    return { failure: String((error as Error).cause ?? error), firstMs };
  }
}

function randomPrompt(): string {
  return `${Math.random()}`;
}
