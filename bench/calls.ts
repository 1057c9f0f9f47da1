// npm run bench:calls: what each host call costs in a real Envoy, and what a request makes of them.

import { Command } from "commander";
import { findEnvoy } from "../start/find-envoy.ts";
import { NOOP, PLAIN, SHIPPED, startCallGateways, UNREAD } from "./calls/gateways.ts";
import { idleUs, measureRounds, type Pace } from "./calls/measure.ts";
import { type CallsReport, callsText } from "./calls/report.ts";
import { VARIANTS, type Variant } from "./calls/variants.ts";
import { describeMachine } from "./measure/machine.ts";
import { writeResults } from "./report/files.ts";
import { hostCallsOf } from "./walk/requests.ts";

const SMALL_BYTES = 1024;
const LARGE_BYTES = 100 * 1024;
const WHOLE = { connections: 32, chunks: 0, asksUsage: false };
const STREAMED = { connections: 16, bodyBytes: SMALL_BYTES, chunks: 200 };
const IDLE_SECONDS = 3;

export async function measureCalls(
  variants: readonly Variant[],
  pace: Pace,
  say: (line: string) => void,
): Promise<CallsReport> {
  const launch = { say, signal: new AbortController().signal };
  const envoy = await findEnvoy(process.env, launch);
  say(`starting an Envoy with ${variants.length} filters, and four others`);
  const gateways = await startCallGateways(variants);
  try {
    const shared = [PLAIN, NOOP, SHIPPED, UNREAD];
    const ticksUs =
      (await idleUs(gateways.ticking, IDLE_SECONDS)) - (await idleUs(gateways.still, IDLE_SECONDS));
    say("requests of 1 KB");
    const names = variants.map(({ name }) => name);
    const small = { ...WHOLE, bodyBytes: SMALL_BYTES };
    const smallRounds = await measureRounds(gateways, [...shared, ...names], small, pace);
    say("requests of 100 KB");
    const held = variants.filter(({ isOfLargeBodies }) => isOfLargeBodies).map(({ name }) => name);
    const large = { ...WHOLE, bodyBytes: LARGE_BYTES };
    const largeRounds = await measureRounds(gateways, [...shared, ...held], large, pace);
    say("streamed answers");
    const silent = { ...STREAMED, asksUsage: false };
    const silentRounds = await measureRounds(gateways, shared, silent, pace);
    const told = { ...STREAMED, asksUsage: true };
    const toldRounds = await measureRounds(gateways, shared, told, pace);
    return {
      machine: describeMachine(envoy, gateways.filterPath),
      ...{ pace, variants, ticksUs, smallRounds, largeRounds, silentRounds, toldRounds },
      smallCalls: hostCallsOf(SMALL_BYTES),
      largeCalls: hostCallsOf(LARGE_BYTES),
    };
  } finally {
    await gateways.stop();
  }
}

if (import.meta.main) {
  const { rounds, seconds, out } = new Command("npm run bench:calls --")
    .description("Measures what each host call costs, by filters that do one thing each.")
    .option("--rounds <count>", "rounds over all filters", Number, 12)
    .option("--seconds <s>", "that each is measured in a round", Number, 0.5)
    .option("--out <folder>", "where results are written; bench/results by default")
    .parse()
    .opts<{ rounds: number; seconds: number; out?: string }>();
  const report = await measureCalls(VARIANTS, { rounds, warmSeconds: 0.2, seconds }, console.log);
  const text = callsText(report);
  const maps = (rounds: CallsReport["smallRounds"]) => rounds.map(Object.fromEntries);
  const data = {
    ...report,
    smallRounds: maps(report.smallRounds),
    largeRounds: maps(report.largeRounds),
    silentRounds: maps(report.silentRounds),
    toldRounds: maps(report.toldRounds),
  };
  writeResults("calls", { data, text }, out);
  console.log(`\n${text}`);
}
