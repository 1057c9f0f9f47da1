// What people and probes call: health, readiness, metrics, and the status page.
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ControlPlane } from "../control-plane.ts";
import { statusOf } from "./status.ts";
import { statusText } from "./status-text.ts";

export function statusRoutes(scope: FastifyInstance, controlPlane: ControlPlane): void {
  scope.get("/", async () => START_PAGE);

  scope.get("/healthz", async () => "ok\n");

  scope.get("/readyz", async (_request, reply) => {
    const { pools } = controlPlane;
    if (pools.isReady) return "ready\n";
    const endpoints = [...pools.endpoints()];
    const probed = endpoints.filter((endpoint) => endpoint.isProbed).length;
    const counts = `${probed} of ${endpoints.length} endpoints are probed so far`;
    return reply.code(503).send(`not ready: ${counts}; /status shows them\n`);
  });

  scope.get("/metrics", async (_request, reply) => {
    const { series } = controlPlane;
    return reply.type(series.contentType).send(await series.text());
  });

  scope.get("/status", async (request, reply) => {
    const status = statusOf(controlPlane);
    if (wantsJson(request)) return reply.send(status);
    return reply.type("text/plain; charset=utf-8").send(statusText(status));
  });
}

const START_PAGE = `Hintway's control plane: tells gateways where model servers are and how they do.

GET /status     pools, endpoints, loads, index and gateways; /status?format=json for programs
GET /metrics    for Prometheus
GET /healthz    200 while it runs
GET /readyz     200 once every endpoint was probed

Gateways call /v1 and Envoy calls /v3, both with the bearer token in the file of --token-file.
`;

function wantsJson(request: FastifyRequest): boolean {
  const { format } = request.query as { format?: string };
  return format === "json" || (request.headers.accept ?? "").includes("application/json");
}
