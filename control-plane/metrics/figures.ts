// What the metric series are told, in their labels' words.

/** What is counted elsewhere and read when somebody scrapes. */
export interface Figures {
  generation: string;
  gateways: number;
  heldPolls: number;
  indexKeys: number;
  mode: string;
  /** Null where this is the only one. */
  replicas: { isConnected: boolean; replicas: number; dropped: number } | null;
  pools: PoolFigures[];
}

export interface PoolFigures {
  name: string;
  bytesPerToken: number;
  blockBytes: number;
  endpoints: EndpointFigures[];
}

export interface EndpointFigures {
  /** `ip:port` */
  address: string;
  isUp: boolean;
  /** Zero before the first good probe, and null means the same. */
  waiting: number;
  running: number;
  kvUse: number;
  /** Requests that gateways have in flight there. */
  inFlight: number;
  indexKeys: number;
  capacityBlocks: number;
}

/** One call to a prefill endpoint or an encoder that has ended. */
export interface LegFigures {
  pool: string;
  endpoint: string;
  isEncode: boolean;
  outcome: string;
  ms: number;
  parametersBytes: number;
}

/** What became of a stage of a request. */
interface StageFigures {
  /** It was to run elsewhere. */
  isElsewhere: boolean;
  hasFailed: boolean;
}

/** One ended request. Counts are null where not told. */
export interface EndedFigures {
  /** Empty when it is gone, or none was found. */
  pool: string;
  /** `ip:port`, or empty when none served. */
  endpoint: string;
  model: string;
  stage: string;
  reason: string;
  /** Nothing was picked, for that reason. */
  isRefused: boolean;
  priority: number;
  /** How the pick compares with who served, in shadow mode; null in others. */
  shadow: { isSame: boolean; pickedCachedTokens: number } | null;
  status: number;
  isStreamed: boolean;
  isCut: boolean;
  /** Undefined outside of pools that disaggregate. */
  disaggregation: { prefill: StageFigures; encode: StageFigures } | undefined;
  hasEffect: boolean;
  totalMs: number;
  firstByteMs: number | null;
  promptTokens: number | null;
  cachedTokens: number | null;
  completionTokens: number | null;
  believedCachedTokens: number;
}
