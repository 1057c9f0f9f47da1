// The command line, and the same settings by environment: HINTWAY_CONTROL_PORT for the port (as
// HINTWAY_PORT is the gateway's), HINTWAY_TOKEN_FILE and so on for the others.
import { Command, InvalidArgumentError, Option } from "commander";
import {
  BLOCK_BYTES_MAX,
  BLOCK_BYTES_MIN,
  FALLBACKS_MAX,
  FALLBACKS_STANDARD,
  INDEX_KEYS_MAX,
} from "../protocol/limits.ts";
import type { Attachment } from "./http/clusters.ts";
import { addNamedFile, isPoolName, type NamedFile } from "./named-file.ts";

export interface Options {
  host: string;
  port: number;
  tokenFile: string;
  stateDir?: string;
  filter?: string;
  endpoints?: string;
  pool: NamedFile[];
  config: NamedFile[];
  poolName: string;
  attachment: Attachment;
  explain: boolean;
  probePeriodMs: number;
  probeTimeoutMs: number;
  blockBytes: number;
  indexKeys: number;
  reportMs: number;
  staleMs: number;
  blindMs: number;
  fallbacks: number;
  heldBytes: number;
  logLevel: string;
  check: boolean;
}

const LOG_LEVELS = ["silent", "fatal", "error", "warn", "info", "debug"];
/** Standard, least and most. */
const FALLBACKS = [FALLBACKS_STANDARD, 0, FALLBACKS_MAX] as const;
/** A stripe of the key hash: blocks are multiples of it. */
const BLOCK_STEP_BYTES = 64;

/** Throws commander's CommanderError, with its message already written, for what is not right. */
export function readOptions(words: string[]): Options {
  return program().parse(words, { from: "user" }).opts<Options>();
}

function program(): Command {
  return new Command("control-plane")
    .description("Hintway's control plane: tells gateways where model servers are and how they do.")
    .addOption(setting("--host <ip>", "address to listen on", "127.0.0.1"))
    .addOption(
      number("--port <number>", "port to listen on", 8081, 0, 65_535).env("HINTWAY_CONTROL_PORT"),
    )
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
    .addOption(poolNameOption())
    .addOption(
      setting("--attachment <way>", "pause or buffer", "pause").choices(["pause", "buffer"]),
    )
    .addOption(new Option("--explain", "clients may ask why").default(false).env("HINTWAY_EXPLAIN"))
    .addOption(number("--probe-period-ms <ms>", "between two probes", 1000, 50, 3_600_000))
    .addOption(number("--probe-timeout-ms <ms>", "for one probe", 2000, 10, 60_000))
    .addOption(
      number(
        "--block-bytes <n>",
        "bytes of a prompt's first blocks",
        1024,
        BLOCK_BYTES_MIN,
        BLOCK_BYTES_MAX,
      ),
    )
    .addOption(
      number("--index-keys <n>", "keys the index holds", INDEX_KEYS_MAX, 1, INDEX_KEYS_MAX),
    )
    .addOption(number("--report-ms <ms>", "between two reports of a gateway", 50, 10, 10_000))
    .addOption(number("--stale-ms <ms>", "until pushed loads fade", 3000, 100, 3_600_000))
    .addOption(number("--blind-ms <ms>", "until they count no more", 30_000, 100, 3_600_000))
    .addOption(number("--fallbacks <n>", "endpoints named after the pick", ...FALLBACKS))
    .addOption(number("--held-bytes <n>", "bodies a worker holds", 268_435_456, 1, 4_294_967_295))
    .addOption(setting("--log-level <level>", "what is logged", "warn").choices(LOG_LEVELS))
    .option("--check", "only says whether flags and files are right", false)
    .helpOption("--help", "show this text")
    .allowExcessArguments(false)
    .exitOverride();
}

/** Every option may come from the environment by its long name. */
function setting(flags: string, description: string, standard?: string): Option {
  const option = new Option(flags, description);
  option.env(`HINTWAY_${option.name().toUpperCase().replaceAll("-", "_")}`);
  return standard === undefined ? option : option.default(standard);
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

function number(
  flags: string,
  description: string,
  standard: number,
  least: number,
  most: number,
): Option {
  const option = setting(flags, `${description} (${least} to ${most})`).default(standard);
  const step = option.name() === "block-bytes" ? BLOCK_STEP_BYTES : 1;
  return option.argParser((text: string) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most && value % step === 0) {
      return value;
    }
    const multiple = step === 1 ? "" : `, a multiple of ${step}`;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}${multiple}.`);
  });
}
