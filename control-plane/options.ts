// The command line, and the same settings by environment: HINTWAY_CONTROL_PORT for the port (as
// HINTWAY_PORT is the gateway's), HINTWAY_TOKEN_FILE and so on for the others.
import { Command, InvalidArgumentError, Option } from "commander";
import type { Attachment } from "./http/clusters.ts";
import { addNamedFile, isPoolName, type NamedFile } from "./named-file.ts";
import {
  isInRange,
  isPriority,
  MODES,
  NUMBER_SETTINGS,
  type NumberSetting,
  type OwnSettings,
  PRIORITY_RANGE,
  rangeText,
  WORD_SETTINGS,
} from "./settings.ts";

export interface Options extends OwnSettings {
  host: string;
  port: number;
  tokenFile: string;
  stateDir?: string;
  state?: string;
  statePrefix: string;
  stateCa?: string;
  filter?: string;
  tlsCert?: string;
  tlsKey?: string;
  endpoints?: string;
  pool: NamedFile[];
  config: NamedFile[];
  settings?: string;
  poolName: string;
  kubernetes: boolean;
  kubeconfig?: string;
  namespace?: string;
  inferencePools?: string;
  configMap?: string;
  parents?: string;
  controllerName: string;
  attachment: Attachment;
  logLevel: string;
  check: boolean;
}

const PORT = { text: "port to listen on", standard: 8081, least: 0, most: 65_535 };
const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug"];

/** Throws commander's CommanderError, with its message already written, for what is not right. */
export function readOptions(words: string[]): Options {
  return program().parse(words, { from: "user" }).opts<Options>();
}

function program(): Command {
  const command = new Command("control-plane")
    .description("Hintway's control plane: tells gateways where model servers are and how they do.")
    .addOption(setting("--host <ip>", "address to listen on", "127.0.0.1"))
    .addOption(number("--port <number>", PORT).env("HINTWAY_CONTROL_PORT"))
    .addOption(
      setting(
        "--token-file <file>",
        "the tokens gateways may show, one a line; watched",
      ).makeOptionMandatory(),
    )
    .addOption(setting("--state-dir <folder>", "keeps what gateways need when this is down"))
    .addOption(setting("--filter <file>", "serves the filter to gateways, at /filter.wasm"))
    .addOption(setting("--endpoints <ip:port,...>", "the model servers").conflicts("pool"))
    .addOption(files("--pool <[name=]file>", "a YAML file of model servers, watched"))
    .addOption(
      files("--config <[name=]file>", "an EndpointPickerConfig, watched, of one pool or all"),
    )
    .addOption(setting("--settings <file>", "a YAML file of the settings below, watched"))
    .addOption(poolNameOption())
    .addOption(modelsOption())
    .addOption(objectivesOption())
    .addOption(
      setting("--attachment <way>", "pause or buffer", "pause").choices(["pause", "buffer"]),
    )
    .addOption(
      setting("--mode <mode>", `${MODES.join(", ")}: how far picks count`, "active").choices(MODES),
    )
    .addOption(flag("--explain", "clients may ask why"))
    .addOption(flag("--access-log", "picks are left for Envoy's access log"))
    .addOption(setting("--log-level <level>", "what is logged", "warn").choices(LOG_LEVELS))
    .option("--check", "only says whether flags and files are right", false)
    .helpOption("-h, --help", "show this text")
    .allowExcessArguments(false)
    .exitOverride();
  const groups = [
    ...tlsOptions(),
    ...disaggregationOptions(),
    ...stateOptions(),
    ...kubernetesOptions(),
  ];
  for (const option of groups) command.addOption(option);
  for (const [name, bounds] of Object.entries(NUMBER_SETTINGS)) {
    command.addOption(number(`--${hyphened(name)} <n>`, bounds));
  }
  return command;
}

function tlsOptions(): Option[] {
  return [
    setting("--tls-cert <file>", "serves HTTPS: the certificate with its chain, PEM, watched"),
    setting("--tls-key <file>", "the key of --tls-cert, PEM, watched"),
  ];
}

/** The words of each setting, the standard one first. */
function disaggregationOptions(): Option[] {
  const { prefillFailure, kvConnector, ecConnector } = WORD_SETTINGS;
  const failure = "what becomes of a request that no prefill endpoint has read, or encoder encoded";
  const connector = "how prefill's cache comes to decode";
  const encodings = "how encoders' work comes to who reads the prompt";
  return [
    setting("--prefill-failure <way>", failure, prefillFailure[0]).choices(prefillFailure),
    setting("--kv-connector <name>", connector, kvConnector[0]).choices(kvConnector),
    setting("--ec-connector <name>", encodings, ecConnector[0]).choices(ecConnector),
  ];
}

function stateOptions(): Option[] {
  return [
    setting("--state <url>", "Valkey or Redis that replicas share: redis://… or rediss://…"),
    setting("--state-prefix <name>", "of its keys; the same for all replicas", "hintway"),
    setting("--state-ca <file>", "certificates to trust there, PEM, not the system's"),
  ];
}

function kubernetesOptions(): Option[] {
  return [
    new Option("--kubernetes", "pools are InferencePools of a cluster")
      .default(false)
      .env("HINTWAY_KUBERNETES")
      .conflicts(["pool", "endpoints"]),
    setting("--kubeconfig <file>", "of the cluster, where this runs outside"),
    setting("--namespace <name,...>", "of the pools; else where this runs"),
    setting("--inference-pools <name,...>", "to serve; else all of the namespaces"),
    setting("--config-map <name>", "holds endpoint-picker.yaml and settings.yaml").conflicts([
      "config",
      "settings",
    ]),
    setting("--parents <gateway,...>", "answers for these in the pools' status"),
    setting("--controller-name <name>", "marks its entries there", "hintway/control-plane"),
  ];
}

function hyphened(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Every option may come from the environment by its long name. */
function setting(flags: string, description: string, standard?: string): Option {
  const option = new Option(flags, description);
  option.env(`HINTWAY_${option.name().toUpperCase().replaceAll("-", "_")}`);
  return standard === undefined ? option : option.default(standard);
}

function flag(flags: string, description: string): Option {
  return setting(flags, description).default(false);
}

/** May be given several times. */
function files(flags: string, description: string): Option {
  const option = setting(flags, `${description}; may be given for several pools`);
  return option.argParser(addNamedFile).default([], "none");
}

function poolNameOption(): Option {
  const text = "the name of the pool that has none, and of its cluster";
  return setting("--pool-name <name>", text, "pool").argParser((name) => {
    if (isPoolName(name)) return name;
    throw new InvalidArgumentError("Expected letters, digits and -._/ between them.");
  });
}

function modelsOption(): Option {
  const text = "which pool serves a model; others are as model servers tell";
  const option = setting("--models <name=pool,...>", text).default({}, "none");
  return option.argParser((words) => Object.fromEntries(words.split(",").map(poolOfModel)));
}

function objectivesOption(): Option {
  const text = "the priority that an objective gives its requests, in all pools";
  const option = setting("--objectives <name=priority,...>", text).default({}, "none");
  return option.argParser((words) => Object.fromEntries(words.split(",").map(priorityOf)));
}

function priorityOf(word: string): [objective: string, priority: number] {
  const end = word.lastIndexOf("=");
  const [name, text] = [word.slice(0, end).trim(), word.slice(end + 1).trim()];
  if (end > 0 && name !== "" && text !== "" && isPriority(Number(text)))
    return [name, Number(text)];
  const pairs = `name=priority pairs, separated by commas, priorities ${PRIORITY_RANGE}`;
  const problem = `Expected ${pairs}, not "${word}".`;
  throw new InvalidArgumentError(problem);
}

/** A model's name may have the sign in it; a pool's may not. */
function poolOfModel(word: string): [model: string, pool: string] {
  const end = word.lastIndexOf("=");
  const [model, pool] = [word.slice(0, end).trim(), word.slice(end + 1).trim()];
  if (end > 0 && model !== "" && isPoolName(pool)) return [model, pool];
  throw new InvalidArgumentError(`Expected model=pool pairs, separated by commas, not "${word}".`);
}

function number(flags: string, bounds: NumberSetting): Option {
  const { text, standard, least, most } = bounds;
  const option = setting(flags, `${text} (${least} to ${most})`).default(standard);
  return option.argParser((word: string) => {
    const value = Number(word);
    if (isInRange(value, bounds)) return value;
    throw new InvalidArgumentError(`Expected ${rangeText(bounds)}.`);
  });
}
