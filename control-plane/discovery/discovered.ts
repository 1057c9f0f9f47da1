// What discovery tells, wherever it has it from.

export interface DiscoveredPool {
  /** Also the name of Envoy's cluster. */
  name: string;
  endpoints: readonly DiscoveredEndpoint[];
}

export interface DiscoveredEndpoint {
  name: string;
  namespace: string;
  /** IPv4. */
  address: string;
  port: number;
  labels: Record<string, string>;
}
