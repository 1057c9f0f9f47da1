// Hintway's own decisions for the routing simulator: the shipped filter and the control plane's
// code, in simulated time, behind routesim's line protocol (routesim/policies/external.py).

import { createInterface } from "node:readline";
import { Command } from "commander";
import { drawlessFilter } from "./driven/drawless-filter.ts";
import { Driven, type DrivenPlan, LEAVABLE } from "./driven/driven.ts";
import { shippedFilter } from "./driven/gateway.ts";
import type { Message } from "./driven/messages.ts";

interface Flags extends DrivenPlan {
  drawless?: boolean;
}

function plan(): Flags {
  const options = new Command("hintway-policy")
    .option("--filter <file>", "another build of the filter")
    .option("--config <file>", "an EndpointPickerConfig instead of the default profile")
    .option("--cost <k=v,...>", "other parameters of the token-cost-scorer")
    .option("--drawless", "a build of the filter that takes the first of equal endpoints")
    .option("--workers", "proxies are workers of one gateway, not gateways")
    .option("--bytes-per-token <n>", "prompt bytes of a token", Number, 4)
    .option("--cache-told <n>", "what engines say their cache holds, times the truth", Number, 1)
    .option("--no-cached-told", "engines do not tell how many prompt tokens were cached")
    .option("--probe-ms <ms>", "between two readings of an engine's gauges", Number, 1000)
    .option("--without <names>", `without some of ${LEAVABLE.join(", ")}`, setOf, new Set<string>())
    .parse()
    .opts<Flags>();
  return options;
}

function setOf(names: string): Set<string> {
  const unknown = names.split(",").filter((name) => !LEAVABLE.includes(name));
  if (unknown.length > 0) throw new Error(`--without knows no ${unknown.join(", ")}`);
  return new Set(names.split(","));
}

let driven: Driven | undefined;
const options = plan();
if (options.drawless) options.filter = await drawlessFilter(options.filter ?? shippedFilter());
for await (const line of createInterface({ input: process.stdin })) {
  const message = JSON.parse(line) as Message;
  if (message.type === "init") driven = new Driven(options, message);
  else if (message.type === "request") process.stdout.write(`${driven?.request(message)}\n`);
  else driven?.take(message);
}
