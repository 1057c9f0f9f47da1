import { type Command, Option } from "commander";
import { ROLES, type Role } from "./connectors/context.ts";
import { CONNECTORS } from "./connectors/transfers.ts";
import { natural, positive } from "./flags.ts";
import { DEFAULT_SETTINGS, type DisaggregationSettings } from "./settings.ts";

export interface DisaggregationFlags {
  role: Role;
  kvConnector: string;
  kvHost?: string;
  bootstrapPort?: number;
  kvStore?: string;
  kvGigabytesPerSecond: number;
  kvLatencyMs: number;
  kvLeaseMs: number;
  tensorParallelSize: number;
  dataParallelSize: number;
}

export function addDisaggregation(command: Command): void {
  const given = DEFAULT_SETTINGS;
  const role = new Option("--role <name>", "part in a disaggregated pool");
  const connector = new Option("--kv-connector <name>", "how KV caches are handed over");
  command
    .addOption(role.choices(ROLES).default(given.role))
    .addOption(connector.choices(CONNECTORS).default(given.connector))
    .option("--kv-host <address>", "where others reach this server; default: --host")
    .option("--bootstrap-port <number>", "bootstrap is answered at this port too", natural(1))
    .option("--kv-store <folder>", "what shared-storage shares")
    .option("--kv-gigabytes-per-second <rate>", "of the link", positive, given.kvGigabytesPerSecond)
    .option("--kv-latency-ms <ms>", "of each transfer", natural(0), given.kvLatencyMs)
    .option("--kv-lease-ms <ms>", "blocks wait for a decoder", natural(1), given.kvLeaseMs)
    .option("--tensor-parallel-size <count>", "told to decoders", natural(1), given.tensorParallel)
    .option("--data-parallel-size <count>", "ranks with an engine", natural(1), given.dataParallel);
}

export function disaggregationSettings(given: DisaggregationFlags): DisaggregationSettings {
  return {
    role: given.role,
    connector: given.kvConnector,
    kvHost: given.kvHost,
    bootstrapPort: given.bootstrapPort,
    kvStore: given.kvStore,
    kvGigabytesPerSecond: given.kvGigabytesPerSecond,
    kvLatencyMs: given.kvLatencyMs,
    kvLeaseMs: given.kvLeaseMs,
    tensorParallel: given.tensorParallelSize,
    dataParallel: given.dataParallelSize,
  };
}
