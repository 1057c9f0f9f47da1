// Endpoints named by a flag.
import { isIPv4 } from "node:net";
import { flagInvalid } from "../errors.ts";

export interface DiscoveredEndpoint {
  name: string;
  namespace: string;
  /** IPv4. */
  address: string;
  port: number;
  labels: Record<string, string>;
}

/** Reads `10.0.0.5:8000,10.0.0.6:8000`. Throws FLAG_INVALID. */
export function endpointsFromFlag(text: string): DiscoveredEndpoint[] {
  return text.split(",").map((part) => {
    const [address = "", portText = ""] = part.trim().split(":");
    const port = Number(portText);
    if (!isIPv4(address) || !Number.isInteger(port) || port < 1 || port > 65_535) {
      throw flagInvalid("--endpoints", part, "expected IPv4:port, separated by commas");
    }
    return { name: `${address}:${port}`, namespace: "default", address, port, labels: {} };
  });
}
