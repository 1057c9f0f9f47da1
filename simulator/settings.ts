import type { Role } from "./connectors/context.ts";
import { DEFAULT_LINK } from "./connectors/link.ts";

/** One model server; what the flags of main.ts become. */
export interface Settings extends DisaggregationSettings {
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

/** What a server of a disaggregated pool is told besides. */
export interface DisaggregationSettings {
  role: Role;
  /** One of CONNECTORS in connectors/transfers.ts. */
  connector: string;
  /** By which other servers reach this one; undefined is the host it listens on. */
  kvHost: string | undefined;
  /** Where bootstrap questions are answered too; undefined leaves it to the port of everything. */
  bootstrapPort: number | undefined;
  /** Folder of the shared store. */
  kvStore: string | undefined;
  /** Of the link that KV caches come by; see connectors/link.ts. */
  kvGigabytesPerSecond: number;
  kvLatencyMs: number;
  /** Simulated milliseconds that computed blocks wait for a decode server; vLLM's kv_lease_duration. */
  kvLeaseMs: number;
  tensorParallel: number;
  dataParallel: number;
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
  role: "both",
  connector: "none",
  kvHost: undefined,
  bootstrapPort: undefined,
  kvStore: undefined,
  kvGigabytesPerSecond: DEFAULT_LINK.gigabytesPerSecond,
  kvLatencyMs: DEFAULT_LINK.latencyMs,
  kvLeaseMs: 30_000,
  tensorParallel: 1,
  dataParallel: 1,
};

/** A request's body may be this long; longer ones get a 413. */
export const BODY_BYTES_MAX = 32 * 1024 * 1024;
