// Envoy messages in their JSON form: https://www.envoyproxy.io/docs/envoy/latest/api-v3/api

export type EnvoyMessage = { [field: string]: unknown };

export interface Address {
  /** An IP address, or a name where Envoy resolves names. */
  host: string;
  port: number;
}

export function socketAddress(address: Address): EnvoyMessage {
  return { socket_address: { address: address.host, port_value: address.port } };
}

/** An extension with its configuration; `type` is the message's full name. */
export function extension(name: string, type: string, fields: EnvoyMessage): EnvoyMessage {
  return { name, typed_config: { "@type": `type.googleapis.com/${type}`, ...fields } };
}
