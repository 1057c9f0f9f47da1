// Endpoints named by a flag or by a file in upstream's file-discovery format:
//
//   endpoints:
//   - name: qwen-0
//     namespace: default        # the default
//     address: 10.0.0.5         # IPv4 or IPv6
//     port: "8000"
//     labels: {llm-d.ai/engine-type: vllm}
//
// or by a file of several pools, which is Hintway's own:
//
//   pools:
//   - name: qwen
//     endpoints: [...]
import { type Static, Type } from "typebox";
import { POOL_ENDPOINTS_MAX, POOLS_MAX } from "../../protocol/limits.ts";
import { pathText, schemaProblem } from "../config/schema-problem.ts";
import { type Path, YamlText } from "../config/yaml-text.ts";
import { flagInvalid, poolFileInvalid } from "../errors.ts";
import { isPoolName } from "../named-file.ts";
import { addressText } from "../pool/endpoint.ts";
import { ipAddress, PORT_MAX, portNumber } from "./address.ts";
import type { DiscoveredEndpoint, DiscoveredPool } from "./discovered.ts";

const NAMESPACE = "default";

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
type Entry = Static<typeof Entry>;
const NamedPool = Type.Object(
  { name: Type.String(), endpoints: Type.Array(Entry) },
  { additionalProperties: false },
);
const PoolFile = Type.Object(
  { endpoints: Type.Optional(Type.Array(Entry)), pools: Type.Optional(Type.Array(NamedPool)) },
  { additionalProperties: false },
);

/** Reads `10.0.0.5:8000,[fd00::6]:8000`. Throws FLAG_INVALID. */
export function endpointsFromFlag(text: string): DiscoveredEndpoint[] {
  const endpoints = text.split(",").map((part) => {
    const [, plain, bracketed, end = ""] =
      /^(?:([^:[\]]+)|\[(.+)\]):(\d+)$/.exec(part.trim()) ?? [];
    const address = ipAddress(plain ?? bracketed ?? "");
    const port = portNumber(end);
    if (address === undefined || address.includes(":") !== (plain === undefined) || port === 0) {
      const remedy =
        "name IP:port pairs, separated by commas, with brackets around an IPv6 address";
      throw flagInvalid("--endpoints", part, remedy);
    }
    const name = addressText({ address, port });
    return { name, namespace: NAMESPACE, address, port, labels: {} };
  });
  checkEndpoints(endpoints, (_, problem) => flagInvalid("--endpoints", text, problem));
  return endpoints;
}

/**
 * Reads a pool file whole, or throws POOL_FILE_INVALID naming line and column. `name` is that of the
 * pool in a file which names none.
 */
export function parsePoolFile(text: string, source: string, name: string): DiscoveredPool[] {
  const yaml = new YamlText(text, source, poolFileInvalid);
  const { endpoints, pools } = checkedFile(yaml);
  if ((endpoints === undefined) === (pools === undefined)) {
    throw poolFileInvalid(yaml.place([]), "the file has to have either endpoints or pools");
  }
  if (endpoints !== undefined) {
    return [{ name, endpoints: endpointsOf(endpoints, yaml, ["endpoints"]) }];
  }
  checkNames(pools!, yaml);
  return pools!.map((pool, index) => {
    const path = ["pools", index, "endpoints"];
    return { name: pool.name, endpoints: endpointsOf(pool.endpoints, yaml, path) };
  });
}

function checkedFile(yaml: YamlText): Static<typeof PoolFile> {
  const problem = schemaProblem(PoolFile, yaml.value);
  if (problem === undefined) return yaml.value as Static<typeof PoolFile>;
  if (problem.kind === "unknown key") {
    const known = problem.known.join(", ");
    const place = yaml.keyPlace(problem.path, problem.key);
    throw poolFileInvalid(place, `unknown key "${problem.key}"; known here: ${known}`);
  }
  const field = pathText(problem.path) || "the file";
  throw poolFileInvalid(yaml.place(problem.path), `${field}: ${problem.problem}`);
}

function checkNames(pools: readonly { name: string }[], yaml: YamlText): void {
  if (pools.length > POOLS_MAX) {
    throw poolFileInvalid(yaml.place(["pools"]), `${pools.length} pools exceed ${POOLS_MAX}`);
  }
  for (const [index, { name }] of pools.entries()) {
    const place = yaml.place(["pools", index, "name"]);
    if (!isPoolName(name)) {
      throw poolFileInvalid(place, `name "${name}" is not letters, digits and -._/ between them`);
    }
    if (pools.findIndex((pool) => pool.name === name) !== index) {
      throw poolFileInvalid(place, `pool "${name}" is there twice; remove one`);
    }
  }
}

function endpointsOf(entries: readonly Entry[], yaml: YamlText, path: Path): DiscoveredEndpoint[] {
  const placed = (index: number, field: string) => yaml.place([...path, index, field]);
  const endpoints = entries.map((entry, index) => endpoint(entry, (f) => placed(index, f)));
  checkEndpoints(endpoints, (index, reason) => poolFileInvalid(placed(index, "name"), reason));
  return endpoints;
}

function endpoint(entry: Entry, place: (field: string) => string): DiscoveredEndpoint {
  const { name, labels = {} } = entry;
  const address = ipAddress(entry.address);
  if (address === undefined) {
    const problem = `address "${entry.address}" of "${name}" is no IP address; resolve the name`;
    throw poolFileInvalid(place("address"), problem);
  }
  const port = portNumber(String(entry.port));
  if (port === 0) {
    const problem = `port "${entry.port}" of "${name}" is not between 1 and ${PORT_MAX}`;
    throw poolFileInvalid(place("port"), problem);
  }
  return { name, namespace: entry.namespace || NAMESPACE, address, port, labels };
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
  for (const [index, listed] of endpoints.entries()) {
    const { name, namespace } = listed;
    for (const identity of [`name ${namespace}/${name}`, `address ${addressText(listed)}`]) {
      if (seen.has(identity)) throw refusal(index, `${identity} is there twice; remove one`);
      seen.add(identity);
    }
  }
}
