// IP addresses and ports as people write them, made to what Envoy writes: it finds the endpoint that
// the filter names by comparing texts.
import { isIPv4, isIPv6, SocketAddress } from "node:net";

export const PORT_MAX = 65_535;

/** The address as Envoy writes it, without brackets; undefined where the text is none. */
export function ipAddress(text: string): string | undefined {
  if (isIPv4(text)) return text;
  // A zone is an interface of one machine; Envoy stands on another.
  if (!isIPv6(text) || text.includes("%")) return undefined;
  return new SocketAddress({ address: text, family: "ipv6" }).address;
}

/** 0 where the text is no port. */
export function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port <= PORT_MAX ? port : 0;
}
