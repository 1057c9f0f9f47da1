// How Envoy checks who the control plane is.

import { type EnvoyMessage, extension } from "./message.ts";
import { CA_SECRET, secretAt } from "./secrets.ts";

export interface ControlPlaneTls {
  /** The certificates to trust: a secret, which may change, or their text, PEM. */
  ca: { secretPath: string } | { text: string };
  /** A DNS name that the control plane's certificate has to have. */
  name: string;
}

export function controlPlaneTransport({ ca, name }: ControlPlaneTls): EnvoyMessage {
  return extension("envoy.transport_sockets.tls", UPSTREAM_TLS, {
    sni: name,
    common_tls_context: validation(ca, {
      match_typed_subject_alt_names: [{ san_type: "DNS", matcher: { exact: name } }],
    }),
  });
}

function validation(ca: ControlPlaneTls["ca"], names: EnvoyMessage): EnvoyMessage {
  if ("text" in ca) {
    return { validation_context: { trusted_ca: { inline_string: ca.text }, ...names } };
  }
  return {
    combined_validation_context: {
      default_validation_context: names,
      validation_context_sds_secret_config: secretAt(CA_SECRET, ca.secretPath),
    },
  };
}

const UPSTREAM_TLS = "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext";
