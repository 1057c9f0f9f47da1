import type { HeaderMap } from "./header-map.ts";

/** What has passed the filter in one direction: to the endpoint, or to the client. */
export class Sent {
  /** As they were when the filter let go of them. */
  headers: HeaderMap | undefined;
  trailers: HeaderMap | undefined;
  isComplete = false;
  readonly #chunks: Uint8Array[] = [];

  /** The body that has passed so far. */
  get body(): Uint8Array {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
  }

  get bodyText(): string {
    return Buffer.from(this.body).toString();
  }

  get chunks(): readonly Uint8Array[] {
    return this.#chunks;
  }

  sendHeaders(headers: HeaderMap): void {
    this.headers ??= headers.copy();
  }

  sendBody(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
  }
}
