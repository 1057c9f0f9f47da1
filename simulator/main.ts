import { Command, Option } from "commander";
import {
  addDisaggregation,
  type DisaggregationFlags,
  disaggregationSettings,
} from "./disaggregation-flags.ts";
import { FAULT_NAMES } from "./faults.ts";
import { names, natural, positive } from "./flags.ts";
import { ModelServer } from "./server.ts";
import { DEFAULT_SETTINGS, type Settings } from "./settings.ts";
import { PROFILES } from "./timing.ts";

/** How often the parent is looked for, in milliseconds. */
const PARENT_CHECK_MS = 500;

const FAULT_TEXT = `\n  ${FAULT_NAMES.join(", ")};\n  NAME:VALUE sets how long or after how much, as in sleep:500.`;

interface Flags extends DisaggregationFlags {
  host: string;
  port: number;
  model: string;
  servedModelName: string[];
  profile: string;
  speed: number;
  blockSize: number;
  kvBlocks?: number;
  maxNumSeqs: number;
  maxLoras: number;
  loraModules: string[];
  maxModelLen?: number;
  outputTokens: number;
  promptTokensDetails: boolean;
  earlyResponseCreated: boolean;
  startupMs: number;
  parentPid?: number;
}

const flags = readFlags();
try {
  const server = new ModelServer(settingsOf(flags));
  const port = await server.listen();
  stopOnSignals();
  if (flags.parentPid !== undefined) stopWithParent(flags.parentPid);
  console.log(`listening ${flags.host}:${port}`);
} catch (error) {
  console.error(`simulator: ${explain(error as NodeJS.ErrnoException)}`);
  process.exit(1);
}

function readFlags(): Flags {
  const { host, port, model, profile, speed, blockTokens } = DEFAULT_SETTINGS;
  const command = new Command("simulator")
    .description("A model server without a GPU: OpenAI and Anthropic APIs, vLLM's metrics.")
    .option("--host <address>", "address to listen on", host)
    .option("--port <number>", "port to listen on; 0 takes a free one", natural(0), port)
    .option("--model <name>", "base model", model)
    .option("--served-model-name <names>", "names to serve it by, comma-separated", names, [])
    .addOption(
      new Option("--profile <name>", "timing model's parameters")
        .choices(Object.keys(PROFILES))
        .default(profile),
    )
    .option("--speed <factor>", "divides every simulated duration", positive, speed)
    .option("--block-size <tokens>", "tokens of a KV cache block", natural(1), blockTokens)
    .option("--kv-blocks <count>", "blocks of KV cache; default: the profile's", natural(1));
  addLimits(command);
  addDisaggregation(command);
  command.addHelpText("after", `\nFaults: header x-sim-fault, or POST /sim/faults.${FAULT_TEXT}`);
  return command.parse().opts<Flags>();
}

function addLimits(command: Command): void {
  const { sequencesMax, adaptersMax, outputTokens, startupMs } = DEFAULT_SETTINGS;
  command
    .option("--max-num-seqs <count>", "sequences that run at once", natural(1), sequencesMax)
    .option("--max-loras <count>", "LoRA adapters that run at once", natural(1), adaptersMax)
    .option("--lora-modules <names>", "adapters, name or name=path, comma-separated", names, [])
    .option("--max-model-len <tokens>", "prompt plus output; default: all KV cache", natural(1))
    .option("--output-tokens <count>", "when a request sets no limit", natural(1), outputTokens)
    .option("--no-prompt-tokens-details", "usage without cached tokens")
    .option("--early-response-created", "/v1/responses streams begin before prefill", false)
    .option("--startup-ms <ms>", "answer 503 for this long after start", natural(0), startupMs)
    .option("--parent-pid <id>", "stop when this process ends", natural(1));
}

function settingsOf(given: Flags): Settings {
  return {
    host: given.host,
    port: given.port,
    model: given.model,
    servedNames: given.servedModelName,
    profile: given.profile,
    speed: given.speed,
    blockTokens: given.blockSize,
    kvBlocks: given.kvBlocks,
    sequencesMax: given.maxNumSeqs,
    adaptersMax: given.maxLoras,
    adapters: given.loraModules,
    contextTokensMax: given.maxModelLen,
    outputTokens: given.outputTokens,
    showCachedTokens: given.promptTokensDetails,
    earlyResponseCreated: given.earlyResponseCreated,
    startupMs: given.startupMs,
    ...disaggregationSettings(given),
  };
}

/** A model server that is told to stop drops what it was doing, as a killed one does. */
function stopOnSignals(): void {
  for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => process.exit(0));
}

function stopWithParent(parentId: number): void {
  const timer = setInterval(() => {
    try {
      process.kill(parentId, 0);
    } catch {
      process.exit(0);
    }
  }, PARENT_CHECK_MS);
  timer.unref();
}

function explain(error: NodeJS.ErrnoException): string {
  if (error.code === "EADDRINUSE") {
    return `port ${flags.port} of ${flags.host} is taken; stop what holds it or use --port.`;
  }
  if (error.code === "EACCES") return `port ${flags.port} is not allowed; use --port above 1023.`;
  return error.message;
}
