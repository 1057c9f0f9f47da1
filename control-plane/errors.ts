// Every error the control plane raises, each with a stable code that logs, metrics and tests name.
// A message says which field or part, which value, and what to do about it.

export type ErrorCode =
  | "CONFIG_SYNTAX"
  | "CONFIG_UNKNOWN_KEY"
  | "CONFIG_UNKNOWN_PLUGIN"
  | "CONFIG_UNSUPPORTED_PLUGIN"
  | "CONFIG_INVALID_VALUE"
  | "FLAG_INVALID"
  | "FILE_UNREADABLE"
  | "CONFIG_MAP_ABSENT"
  | "POOL_FILE_INVALID"
  | "PROBE_FAILED"
  | "PROBE_REFUSED"
  | "PROBE_TOO_LARGE"
  | "PROBE_UNTRUSTED"
  | "PORT_TAKEN"
  | "TOKEN_FILE_INVALID"
  | "TOKEN_INVALID"
  | "REPORT_REFUSED"
  | "STATE_UNREACHABLE"
  | "TLS_INVALID"
  | ApiServerCode;

/** What an API server's refusal is called, by its HTTP status. */
const API_SERVER_CODES = {
  401: "KUBERNETES_UNAUTHORIZED",
  403: "KUBERNETES_FORBIDDEN",
  404: "KUBERNETES_NOT_FOUND",
  409: "KUBERNETES_CONFLICT",
  410: "KUBERNETES_GONE",
} as const;

type ApiServerCode =
  | (typeof API_SERVER_CODES)[keyof typeof API_SERVER_CODES]
  | "KUBECONFIG_INVALID"
  | "KUBERNETES_REFUSED"
  | "KUBERNETES_UNREACHABLE";

export class HintwayError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "HintwayError";
    this.code = code;
  }
}

/** The file is no YAML, or not one mapping. `place` is `file:line:column`, here and below. */
export function configSyntax(place: string, problem: string, cause?: unknown): HintwayError {
  return new HintwayError("CONFIG_SYNTAX", `${place}: ${problem}. Correct the YAML.`, cause);
}

export function configUnknownKey(
  place: string,
  key: string,
  known: readonly string[],
): HintwayError {
  return new HintwayError(
    "CONFIG_UNKNOWN_KEY",
    `${place}: unknown key "${key}". ${choices("Known here", known)}`,
  );
}

export function configUnknownPlugin(
  place: string,
  type: string,
  known: readonly string[],
): HintwayError {
  return new HintwayError(
    "CONFIG_UNKNOWN_PLUGIN",
    `${place}: unknown plugin type "${type}". ${choices("Known types", known)}`,
  );
}

/** The plugin exists in EndpointPickerConfig and is not available here; `reason` says why. */
export function configUnsupportedPlugin(place: string, type: string, reason: string): HintwayError {
  return new HintwayError(
    "CONFIG_UNSUPPORTED_PLUGIN",
    `${place}: plugin type "${type}" is not supported: ${reason}. Remove it from the configuration.`,
  );
}

/** `problem` says what is expected instead of `value`. */
export function configInvalidValue(
  place: string,
  field: string,
  value: unknown,
  problem: string,
): HintwayError {
  return new HintwayError(
    "CONFIG_INVALID_VALUE",
    `${place}: ${field} is ${shown(value)}: ${problem}.`,
  );
}

export function flagInvalid(flag: string, value: string, problem: string): HintwayError {
  return new HintwayError("FLAG_INVALID", `${flag} is ${shown(value)}: ${problem}.`);
}

export function fileUnreadable(path: string, cause: unknown): HintwayError {
  return new HintwayError(
    "FILE_UNREADABLE",
    `Cannot read ${path}: ${reasonOf(cause)}. Check the path and its permissions.`,
    cause,
  );
}

export function configMapAbsent(namespace: string, name: string): HintwayError {
  return new HintwayError(
    "CONFIG_MAP_ABSENT",
    `There is no ConfigMap "${name}" in namespace "${namespace}". Create it, or leave --config-map out.`,
  );
}

export function poolFileInvalid(place: string, problem: string, cause?: unknown): HintwayError {
  return new HintwayError("POOL_FILE_INVALID", `${place}: ${problem}.`, cause);
}

export function probeFailed(url: string, cause: unknown): HintwayError {
  return new HintwayError(
    "PROBE_FAILED",
    `Probe of ${url} failed: ${reasonOf(cause)}. Check that the model server runs and serves it.`,
    cause,
  );
}

/** Nothing listens there, or the host is not reachable: no request would be served either. */
export function probeRefused(url: string, cause: unknown): HintwayError {
  return new HintwayError(
    "PROBE_REFUSED",
    `Probe of ${url} was refused: ${reasonOf(cause)}. Check that the model server runs.`,
    cause,
  );
}

/** Something answers whose certificate is not as `endpointTls` says, or that speaks no TLS. */
export function probeUntrusted(url: string, cause: unknown): HintwayError {
  return new HintwayError(
    "PROBE_UNTRUSTED",
    `Probe of ${url} found no TLS to trust: ${reasonOf(cause)}. Check its certificate, and caCertificates ` +
      "and name of the pool in the setting endpointTls.",
    cause,
  );
}

export function probeTooLarge(url: string, bytesMax: number): HintwayError {
  return new HintwayError(
    "PROBE_TOO_LARGE",
    `Probe of ${url} answers more than ${bytesMax} bytes. Check that it is a metrics page.`,
  );
}

export function portTaken(flag: string, port: number, cause: unknown): HintwayError {
  return new HintwayError(
    "PORT_TAKEN",
    `Port ${port} (${flag}) is taken. Stop what listens there, or choose another with ${flag}.`,
    cause,
  );
}

/** `problem` never holds any of the file's text. */
export function tokenFileInvalid(place: string, problem: string): HintwayError {
  return new HintwayError("TOKEN_FILE_INVALID", `${place} (--token-file): ${problem}.`);
}

/** The bearer token is absent or another one. Says nothing more: the caller is not known. */
export function tokenInvalid(): HintwayError {
  return new HintwayError("TOKEN_INVALID", "The bearer token is absent or wrong.");
}

export function reportRefused(problem: string): HintwayError {
  return new HintwayError("REPORT_REFUSED", `Report refused whole: ${problem}.`);
}

/** One of the files is not what its flag says, or they do not belong together. Holds no text of theirs. */
export function tlsInvalid(files: { cert: string; key: string }, cause: unknown): HintwayError {
  return new HintwayError(
    "TLS_INVALID",
    `${files.cert} (--tls-cert) and ${files.key} (--tls-key): ${reasonOf(cause)}. Write a certificate, ` +
      "with its chain, and the key that belongs to it, both as PEM.",
    cause,
  );
}

export function stateUnreachable(place: string, cause: unknown): HintwayError {
  return new HintwayError(
    "STATE_UNREACHABLE",
    `The shared state ${place} (--state) does not answer: ${reasonOf(cause)}. Replicas go on, each ` +
      "alone; see that it runs, that address, user, password and --state-ca are right, that it has " +
      "memory left and is no read-only copy, and that the user may run EVAL, XADD and XREAD.",
    cause,
  );
}

export function kubeconfigInvalid(file: string | undefined, cause: unknown): HintwayError {
  return new HintwayError(
    "KUBECONFIG_INVALID",
    `No way to an API server in ${file ?? "the kubeconfig"}: ${reasonOf(cause)}. Correct --kubeconfig, ` +
      "or KUBECONFIG, or run in a Pod.",
    cause,
  );
}

/** `reason` is the server's own words, which name user, verb, kind and namespace. */
export function apiServerRefused(
  method: string,
  path: string,
  status: number,
  reason: string,
): HintwayError {
  const code =
    API_SERVER_CODES[status as keyof typeof API_SERVER_CODES] ?? ("KUBERNETES_REFUSED" as const);
  const remedy = API_SERVER_REMEDIES[code] ?? "";
  return new HintwayError(code, `${method} ${path}: ${status} ${reason}.${remedy}`);
}

const API_SERVER_REMEDIES: { [code in ErrorCode]?: string } = {
  KUBERNETES_FORBIDDEN: " Grant that verb to the role of the control plane's ServiceAccount.",
  KUBERNETES_UNAUTHORIZED: " The token is read anew; see that its ServiceAccount exists.",
  KUBERNETES_REFUSED: " The API server's own log says more.",
};

export function apiServerUnreachable(path: string, cause: unknown): HintwayError {
  return new HintwayError(
    "KUBERNETES_UNREACHABLE",
    `The API server does not answer ${path}: ${reasonOf(cause)}. Tried again until it does.`,
    cause,
  );
}

const SHOWN_CHARACTERS_MAX = 80;

function shown(value: unknown): string {
  if (value === undefined) return "absent";
  const text = JSON.stringify(value) ?? String(value);
  return text.length > SHOWN_CHARACTERS_MAX ? `${text.slice(0, SHOWN_CHARACTERS_MAX)}…` : text;
}

function choices(label: string, known: readonly string[]): string {
  return known.length > 0 ? `${label}: ${known.join(", ")}.` : "No key is known here.";
}

function reasonOf(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).replace(/\.$/, "");
}
