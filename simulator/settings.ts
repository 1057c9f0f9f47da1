/** One model server; what the flags of main.ts become. */
export interface Settings {
  host: string;
  port: number;
  /** The model's name, and the names that clients may call it by. */
  model: string;
  servedNames: readonly string[];
  profile: string;
  /** Divides every simulated duration. */
  speed: number;
  blockTokens: number;
  /** Blocks of KV cache; undefined takes what the profile's memory holds. */
  kvBlocks: number | undefined;
  sequencesMax: number;
  adaptersMax: number;
  adapters: readonly string[];
  /** Prompt plus output; undefined takes all of the cache. */
  contextTokensMax: number | undefined;
  /** Output of a request that does not say how much it wants. */
  outputTokens: number;
  /** Whether usage tells how many prompt tokens were cached. */
  showCachedTokens: boolean;
  /** Whether a streamed /v1/responses sends its first events before prefill. */
  earlyResponseCreated: boolean;
  /** Real milliseconds during which health and inference answer 503. */
  startupMs: number;
}

export const DEFAULT_SETTINGS: Settings = {
  host: "127.0.0.1",
  port: 8000,
  model: "hintway-sim",
  servedNames: [],
  profile: "hintway-sim",
  speed: 1,
  blockTokens: 16,
  kvBlocks: undefined,
  sequencesMax: 256,
  adaptersMax: 4,
  adapters: [],
  contextTokensMax: undefined,
  outputTokens: 16,
  showCachedTokens: true,
  earlyResponseCreated: false,
  startupMs: 0,
};

/** A request's body may be this long; longer ones get a 413. */
export const BODY_BYTES_MAX = 32 * 1024 * 1024;
