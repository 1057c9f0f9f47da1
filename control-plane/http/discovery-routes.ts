// REST xDS for a standalone Envoy: clusters and endpoints as JSON. Envoy asks again and again with
// the version it has, and takes 304 as nothing new.
// https://www.envoyproxy.io/docs/envoy/latest/api-docs/xds_protocol#rest-json-polling-subscriptions
import { createHash } from "node:crypto";
import type { FastifyInstance, FastifyReply } from "fastify";
import type { Pools } from "../pool/pools.ts";
import {
  type Attachment,
  CLUSTER_TYPE,
  ENDPOINTS_TYPE,
  type EnvoyMessage,
  poolCluster,
  poolEndpoints,
  poolSecret,
  SECRET_TYPE,
} from "./clusters.ts";

interface DiscoveryRequest {
  version_info?: string;
  resource_names?: string[];
  node?: { id?: string; metadata?: { hintway_attachment?: string } };
}

/** What of Envoy's question is read; all else that it says is passed over. */
const schema = {
  body: {
    type: ["object", "null"],
    properties: {
      version_info: { type: "string" },
      resource_names: { type: "array", items: { type: "string" } },
      node: { type: "object", properties: { metadata: { type: "object" } } },
    },
  },
};

/** `attachment` holds for an Envoy whose node metadata does not name one. */
export function discoveryRoutes(
  scope: FastifyInstance,
  pools: Pools,
  attachment: Attachment,
): void {
  scope.post<{ Body: DiscoveryRequest | null }>(
    "/discovery::clusters",
    { schema },
    async (request, reply) => {
      const named = request.body?.node?.metadata?.hintway_attachment;
      const own = named === "pause" || named === "buffer" ? named : attachment;
      // In an order that all replicas have, so that they are one version.
      const sorted = [...pools].sort((a, b) => (a.name < b.name ? -1 : 1));
      const clusters = sorted.map((pool) => poolCluster(pool, own));
      return respond(reply, request.body, CLUSTER_TYPE, clusters);
    },
  );
  scope.post<{ Body: DiscoveryRequest | null }>(
    "/discovery::endpoints",
    { schema },
    async (request, reply) => {
      const names = request.body?.resource_names ?? [];
      const asked = [...pools].filter(({ name }) => names.length === 0 || names.includes(name));
      return respond(reply, request.body, ENDPOINTS_TYPE, asked.map(poolEndpoints));
    },
  );
  scope.post<{ Body: DiscoveryRequest | null }>(
    "/discovery::secrets",
    { schema },
    async (request, reply) => {
      const names = request.body?.resource_names ?? [];
      const asked = [...pools].filter(({ name }) => names.includes(name));
      const secrets = asked.map(poolSecret).filter((secret) => secret !== null);
      return respond(reply, request.body, SECRET_TYPE, secrets);
    },
  );
}

/** The version is the content's hash, so that it survives a restart of this process. */
function respond(
  reply: FastifyReply,
  request: DiscoveryRequest | null,
  type: string,
  messages: EnvoyMessage[],
): FastifyReply {
  const resources = messages.map((message) => ({ "@type": type, ...message }));
  const hash = createHash("sha256").update(JSON.stringify(resources));
  const version = hash.digest("hex").slice(0, VERSION_CHARACTERS);
  if (request?.version_info === version) return reply.code(304).send();
  return reply.send({ version_info: version, type_url: type, resources, nonce: version });
}

const VERSION_CHARACTERS = 16;
