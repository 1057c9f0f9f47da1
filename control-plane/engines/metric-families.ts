// Samples of a Prometheus text page, by metric name.

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export type MetricFamilies = ReadonlyMap<string, readonly Sample[]>;
