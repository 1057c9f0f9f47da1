// What a gateway keeps from its configuration: the token it shows and the CA it trusts, each in a file
// that may change while Envoy runs. Envoy's configuration names a file in Envoy's own format, here called
// a secret, and that one names the file with the text. Envoy hears of what is moved into the text's
// folder, as a Secret's files are, and not of what is written in place.

import { type EnvoyMessage, extension } from "./message.ts";

/** Names in Envoy, and of the files in its format. */
const TOKEN_SECRET = "hintway-token";
export const CA_SECRET = "hintway-control-plane-ca";

/** The file in Envoy's format for the token that is in the file at `path`. */
export function tokenSecret(path: string): EnvoyMessage {
  return secretFile(TOKEN_SECRET, { generic_secret: { secret: { filename: path } } });
}

/** The file in Envoy's format for the certificates that are in the file at `path`, PEM. */
export function caSecret(path: string): EnvoyMessage {
  return secretFile(CA_SECRET, { validation_context: { trusted_ca: { filename: path } } });
}

function secretFile(name: string, fields: EnvoyMessage): EnvoyMessage {
  return { resources: [{ "@type": `type.googleapis.com/${SECRET}`, name, ...fields }] };
}

/** The HTTP filter that adds the token of a secret. */
export function tokenInjection(secretPath: string): EnvoyMessage {
  return extension("envoy.filters.http.credential_injector", CREDENTIAL_INJECTOR, {
    overwrite: true,
    credential: extension("envoy.http.injected_credentials.generic", GENERIC_CREDENTIAL, {
      credential: secretAt(TOKEN_SECRET, secretPath),
      header_value_prefix: "Bearer ",
    }),
  });
}

export function secretAt(name: string, secretPath: string): EnvoyMessage {
  const source = { resource_api_version: "V3", path_config_source: { path: secretPath } };
  return { name, sds_config: source };
}

const SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret";
const CREDENTIAL_INJECTOR =
  "envoy.extensions.filters.http.credential_injector.v3.CredentialInjector";
const GENERIC_CREDENTIAL = "envoy.extensions.http.injected_credentials.generic.v3.Generic";
