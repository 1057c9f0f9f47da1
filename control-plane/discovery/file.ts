// Endpoints named by a flag or by a file in upstream's file-discovery format:
//
//   endpoints:
//   - name: qwen-0
//     namespace: default        # the default
//     address: 10.0.0.5         # IPv4
//     port: "8000"
//     labels: {llm-d.ai/engine-type: vllm}
import { isIPv4 } from "node:net";
import { type Static, Type } from "typebox";
import { POOL_ENDPOINTS_MAX } from "../../protocol/limits.ts";
import { pathText, schemaProblem } from "../config/schema-problem.ts";
import { YamlText } from "../config/yaml-text.ts";
import { flagInvalid, poolFileInvalid } from "../errors.ts";
import type { DiscoveredEndpoint } from "./discovered.ts";

const NAMESPACE = "default";
const PORT_MAX = 65_535;

const Entry = Type.Object(
  {
    name: Type.String({ minLength: 1 }),
    namespace: Type.Optional(Type.String()),
    address: Type.String(),
    port: Type.Union([Type.String(), Type.Integer()]),
    labels: Type.Optional(Type.Record(Type.String(), Type.String())),
  },
  { additionalProperties: false },
);
const PoolFile = Type.Object({ endpoints: Type.Array(Entry) }, { additionalProperties: false });

/** Reads `10.0.0.5:8000,10.0.0.6:8000`. Throws FLAG_INVALID. */
export function endpointsFromFlag(text: string): DiscoveredEndpoint[] {
  const endpoints = text.split(",").map((part) => {
    const [address = "", port = "", ...rest] = part.trim().split(":");
    if (!isIPv4(address) || portNumber(port) === 0 || rest.length > 0) {
      throw flagInvalid("--endpoints", part, "name IPv4:port pairs, separated by commas");
    }
    const name = `${address}:${portNumber(port)}`;
    return { name, namespace: NAMESPACE, address, port: portNumber(port), labels: {} };
  });
  checkEndpoints(endpoints, (_, problem) => flagInvalid("--endpoints", text, problem));
  return endpoints;
}

/** Reads a pool file whole, or throws POOL_FILE_INVALID naming line and column. */
export function parsePoolFile(text: string, source: string): DiscoveredEndpoint[] {
  const yaml = new YamlText(text, source, poolFileInvalid);
  const problem = schemaProblem(PoolFile, yaml.value);
  if (problem?.kind === "unknown key") {
    const known = problem.known.join(", ");
    const place = yaml.keyPlace(problem.path, problem.key);
    throw poolFileInvalid(place, `unknown key "${problem.key}"; known here: ${known}`);
  }
  if (problem !== undefined) {
    const field = pathText(problem.path) || "the file";
    throw poolFileInvalid(yaml.place(problem.path), `${field}: ${problem.problem}`);
  }
  const { endpoints: entries } = yaml.value as Static<typeof PoolFile>;
  const placed = (index: number, field: string) => yaml.place(["endpoints", index, field]);
  const endpoints = entries.map((entry, index) => endpoint(entry, (f) => placed(index, f)));
  checkEndpoints(endpoints, (index, reason) => poolFileInvalid(placed(index, "name"), reason));
  return endpoints;
}

function endpoint(entry: Static<typeof Entry>, place: (field: string) => string) {
  const { name, address, labels = {} } = entry;
  if (!isIPv4(address)) {
    throw poolFileInvalid(place("address"), `address "${address}" of "${name}" is not IPv4`);
  }
  const port = portNumber(String(entry.port));
  if (port === 0) {
    throw poolFileInvalid(
      place("port"),
      `port "${entry.port}" of "${name}" is not between 1 and ${PORT_MAX}`,
    );
  }
  return { name, namespace: entry.namespace || NAMESPACE, address, port, labels };
}

/** 0 where the text is no port. */
function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port <= PORT_MAX ? port : 0;
}

function checkEndpoints(
  endpoints: readonly DiscoveredEndpoint[],
  refusal: (index: number, problem: string) => Error,
): void {
  if (endpoints.length > POOL_ENDPOINTS_MAX) {
    const problem = `${endpoints.length} endpoints exceed ${POOL_ENDPOINTS_MAX} a pool`;
    throw refusal(POOL_ENDPOINTS_MAX, problem);
  }
  const seen = new Set<string>();
  for (const [index, { name, namespace, address, port }] of endpoints.entries()) {
    for (const identity of [`name ${namespace}/${name}`, `address ${address}:${port}`]) {
      if (seen.has(identity)) throw refusal(index, `${identity} is there twice; remove one`);
      seen.add(identity);
    }
  }
}
