// TLS to the endpoints of a pool, for gateways' requests and the control plane's probes alike.

export interface EndpointTls {
  /** The DNS name that is asked for, and has to be in each endpoint's certificate; null where none is. */
  name: string | null;
  /** The certificates to trust, PEM; null where whoever answers is taken for the endpoint. */
  caCertificates: string | null;
}

/** Pools that are not in it speak plain HTTP. */
export type EndpointTlsByPool = ReadonlyMap<string, EndpointTls>;
