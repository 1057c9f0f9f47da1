import type { IncomingHttpHeaders } from "node:http";
import type { Call, Json } from "../api/dialect.ts";

/** What a prompt is told apart by on both sides of a transfer. */
interface PromptSeen {
  promptTokens: number;
  /** Of prompt, adapter and cache salt; see block-keys.ts. */
  fingerprint: number;
  keys: readonly number[];
}

/** A request as a connector sees it. */
export interface LegRequest extends PromptSeen {
  body: Json;
  /** The body's bytes, for integers that JSON.parse would round. */
  bytes: Buffer;
  headers: IncomingHttpHeaders;
  call: Call;
}

/**
 * One request's part in a disaggregated pair. A leg may change when its engine starts to compute, what
 * of the prompt it need not compute, and what its answer carries; what is left out changes nothing.
 */
export interface Leg {
  kind: "prefill" | "decode" | "encode";
  /**
   * Resolves, when the engine may start, to how many prompt tokens have come from elsewhere. It
   * rejects with an ApiError once the transfer has failed.
   */
  arrival?: Promise<number>;
  /** Output tokens whatever the request asks for: an SGLang prefill makes one. */
  outputTokens?: number;
  /** Takes the prompt's blocks when they are computed; `free` gives them back. */
  keep?(free: () => void): void;
  /** Called once the answer is complete: the fields that it carries beyond the API's. */
  finished?(): Json;
  /** Called when the request ends without an answer. */
  abandoned?(): void;
}

/** One way in which a prefill and a decode server hand a KV cache over. */
export interface Connector {
  /**
   * What the request asks of it; undefined where nothing. Throws, or rejects with, an ApiError that
   * names the field that is missing, wrong or used before. Nothing is computed then.
   */
  begin(request: LegRequest): Leg | undefined | Promise<Leg | undefined>;
  /** What another server's connector asks of this one. Throws an ApiError as `begin` does. */
  claim?(claim: Json): Promise<Json>;
}
