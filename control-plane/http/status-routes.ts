// What people and probes call: health, readiness, metrics, and the status page.
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { ControlPlane } from "../control-plane.ts";
import { statusOf } from "./status.ts";
import { statusText } from "./status-text.ts";

export function statusRoutes(scope: FastifyInstance, controlPlane: ControlPlane): void {
  scope.get("/healthz", async () => "ok\n");

  scope.get("/readyz", async (_request, reply) => {
    if (controlPlane.pool.isReady) return "ready\n";
    return reply.code(503).send("not ready: endpoints have not been probed yet\n");
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

function wantsJson(request: FastifyRequest): boolean {
  const { format } = request.query as { format?: string };
  return format === "json" || (request.headers.accept ?? "").includes("application/json");
}
