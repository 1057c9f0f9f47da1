// The control plane's web server: what gateways, Envoy, people and Prometheus call.
import { type FastifyInstance, type FastifyServerOptions, fastify, LogController } from "fastify";
import { FRAME_BYTES_MAX } from "../../protocol/limits.ts";
import type { ControlPlane } from "../control-plane.ts";
import { guard } from "./authentication.ts";
import type { Attachment } from "./clusters.ts";
import { discoveryRoutes } from "./discovery-routes.ts";
import { nameFailures, refuseUrl } from "./failures.ts";
import { type FilterModule, filterRoute } from "./filter-route.ts";
import { gatewayRoutes } from "./gateway-routes.ts";
import { statusRoutes } from "./status-routes.ts";
import type { Tls } from "./tls.ts";
import { tlsRefusals } from "./tls-refusals.ts";
import type { Tokens } from "./tokens.ts";

/** For a request to arrive whole. How long a poll is held is another matter. */
const REQUEST_TIMEOUT_MS = 30_000;

export interface AppOptions {
  tokens: Tokens;
  attachment: Attachment;
  /** Without it the server speaks plain HTTP. */
  tls?: Tls | undefined;
  /** Served to gateways where there is one. */
  filter?: FilterModule | undefined;
  logger: NonNullable<FastifyServerOptions["logger"]>;
}

export function createApp(controlPlane: ControlPlane, options: AppOptions): FastifyInstance {
  const { filter, tls } = options;
  const app = fastify({
    ...(tls ? { https: tls.certificate } : {}),
    logger: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
    bodyLimit: FRAME_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    frameworkErrors: refuseUrl,
  });
  tls?.follow(app.server, tlsRefusals(controlPlane));
  app.register(
    async (scope) => {
      guard(scope, options.tokens, controlPlane.series.access);
      nameFailures(scope, "Gateways call POST /v1/hints and POST /v1/reports.");
      gatewayRoutes(scope, controlPlane.exchange, controlPlane.series);
    },
    { prefix: "/v1" },
  );
  app.register(
    async (scope) => {
      guard(scope, options.tokens, controlPlane.series.access);
      const paths = ["clusters", "endpoints", "secrets"].map(
        (kind) => `POST /v3/discovery:${kind}`,
      );
      nameFailures(scope, `Envoy calls ${paths.join(" and ")}.`);
      discoveryRoutes(scope, controlPlane.pools, options.attachment);
    },
    { prefix: "/v3" },
  );
  nameFailures(app, "GET / says what there is.");
  app.register(async (scope) => statusRoutes(scope, controlPlane));
  if (filter) app.register(async (scope) => filterRoute(scope, filter));
  app.addHook("preClose", async () => controlPlane.polls.close());
  return app;
}
