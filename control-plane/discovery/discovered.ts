// What discovery tells, wherever it has it from.

export interface DiscoveredPool {
  /** Also the name of Envoy's cluster. */
  name: string;
  endpoints: readonly DiscoveredEndpoint[];
  /** Priorities by objective, where discovery tells of any. */
  objectives?: Readonly<Record<string, number>>;
}

export interface DiscoveredEndpoint {
  name: string;
  namespace: string;
  /** As Envoy writes it, an IPv6 address without brackets. */
  address: string;
  port: number;
  labels: Record<string, string>;
}
