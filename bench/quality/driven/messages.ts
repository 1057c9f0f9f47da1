// What the simulator tells, a line of JSON each; routesim/policies/external.py has the protocol.

export interface InitMessage {
  type: "init";
  endpoints: number;
  block_tokens: number;
  kv_tokens: number;
  seed: number;
  proxies: number;
  /** How late proxies hear of each other; null when never. */
  share_ms: number | null;
}

interface Timed {
  now_ms: number;
}

export interface RequestMessage extends Timed {
  type: "request";
  proxy: number;
  id: number;
  input_tokens: number;
  block_hashes: string[];
  /** Name of its LoRA adapter; absent or null is the base model. */
  adapter?: string | null;
}

export interface FirstTokenMessage extends Timed {
  type: "first_token";
  id: number;
}

export interface CompleteMessage extends Timed {
  type: "complete";
  id: number;
  output_tokens: number;
  cached_tokens: number;
  rejected: boolean;
}

/** Answered with an error, status 500. */
export interface FailedMessage extends Timed {
  type: "failed";
  id: number;
}

/** The first so many endpoints are there from now on. */
export interface JoinedMessage extends Timed {
  type: "joined";
  endpoints: number;
}

export interface MetricsMessage extends Timed {
  type: "metrics";
  endpoints: {
    t_ms: number;
    waiting: number;
    running: number;
    kv_usage: number;
    adapters?: { running: string[]; waiting: string[]; most: number };
  }[];
}

export type Message =
  | InitMessage
  | RequestMessage
  | FirstTokenMessage
  | CompleteMessage
  | FailedMessage
  | JoinedMessage
  | MetricsMessage;
