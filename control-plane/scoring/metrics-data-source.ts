// Where the metrics page of an endpoint is.
import { Type } from "typebox";
import { bystander, parameters } from "./plugin.ts";

const PORT_MAX = 65_535;
const text = Type.Optional(Type.String());

export const metricsSourceParameters = parameters({
  scheme: Type.String({ default: "http" }),
  path: Type.String({ default: "/metrics" }),
  /** 0 is the endpoint's own. */
  port: Type.Integer({ default: 0, minimum: 0, maximum: PORT_MAX }),
  insecureSkipVerify: Type.Optional(Type.Boolean()),
  caCertPath: text,
  clientCertPath: text,
  clientKeyPath: text,
  interval: text,
});

const SCHEME =
  "must be http; for TLS leave it out, and name the pool in the setting endpointTls, which holds for requests too";

export const metricsDataSource = bystander({
  type: "metrics-data-source",
  stability: "beta",
  parameters: metricsSourceParameters,
  isHonoured: true,
  refuse({ scheme, path }) {
    if (scheme !== "http") return { path: ["scheme"], problem: SCHEME };
    return path.startsWith("/") ? undefined : { path: ["path"], problem: "must begin with /" };
  },
  warn: ({ interval }) =>
    interval === undefined ? [] : ["interval has no effect: --probe-ms sets the period"],
});
