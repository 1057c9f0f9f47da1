// Picks of the shipped filter for a configuration file and endpoints in a state: read, scored and
// encoded by the control plane's own parts.
import { parseConfiguration } from "../../control-plane/config/configuration.ts";
import type { EngineReading } from "../../control-plane/engines/reading.ts";
import { emptyReading } from "../../control-plane/engines/reading.ts";
import type { Gateway } from "../../control-plane/hints/gateways.ts";
import { Hints } from "../../control-plane/hints/hints.ts";
import { PrefixIndex } from "../../control-plane/index/prefix-index.ts";
import { readOptions } from "../../control-plane/options.ts";
import { Pools } from "../../control-plane/pool/pools.ts";
import { settingsOf } from "../../control-plane/settings.ts";
import { INDEX_KEYS_MAX, VERSION_MAX } from "../../protocol/limits.ts";
import { type Asking, ask, beginResponse, destinationsOf, type Explanation } from "./asked.ts";
import { FilteredGateway } from "./filtered-gateway.ts";
import { hintsFrame } from "./hints-written.ts";
import { BLOCK_BYTES, keyCountOf, keysOf, promptOf, WITHOUT_PROMPT } from "./pick-bench.ts";

/** An endpoint as its labels, its engine's metrics and the gateways' own knowledge tell it. */
export interface EndpointState {
  readonly labels?: Record<string, string>;
  /** Null was never probed. */
  readonly reading?: Partial<EngineReading> | null;
  readonly readMsAgo?: number;
  /** In flight: requests, and prompt tokens not answered yet. */
  readonly requests?: number;
  readonly tokens?: number;
  /** Leading blocks of the prompt in its cache. */
  readonly holds?: number;
}

export interface Situation {
  /** EndpointPickerConfig below apiVersion and kind. */
  readonly config: string;
  readonly endpoints: readonly EndpointState[];
  /** Blocks of the prompt, 256 tokens each; 0 is a request without one. */
  readonly blocks?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly model?: string;
}

/** A situation and what it leads to, worked out by hand. */
export interface Decision extends Situation {
  readonly what: string;
  /** Rounded to a thousandth; null is an endpoint that a filter removed. */
  readonly scores: readonly (number | null)[];
  /** Endpoints of which one is picked. */
  readonly picks: readonly number[];
}

/** Scores by endpoint, null where a filter removed it; or the status the filter answered with. */
export type Outcome =
  | { readonly scores: (number | null)[]; readonly picked: number }
  | { readonly status: number; readonly reason: string };

const HEAD = "apiVersion: llm-d.ai/v1alpha1\nkind: EndpointPickerConfig\n";
const BYTES_PER_TOKEN = 4;
const PORT = 8000;
const OTHER_GATEWAY = 2;
const OPTIONS = ["--token-file", "unused", "--explain", "--fallbacks", "0"];

/** Asks one gateway about situation after situation; each has endpoints of its own. */
export class ConfiguredBench {
  readonly #gateway = new FilteredGateway({ hints: null });
  #situations = 0;

  outcome(situation: Situation): Outcome {
    this.#gateway.run(700);
    const network = `10.${this.#situations >> 8}.${this.#situations & 255}`;
    this.#situations++;
    const addresses = situation.endpoints.map((_, index) => `${network}.${index + 1}:${PORT}`);
    this.#tell(situation, network, addresses);
    const request = ask(this.#gateway.worker, askingOf(situation));
    const { localResponse } = request;
    if (localResponse) {
      request.done();
      const reason = localResponse.headers.get("x-llm-d-request-dropped-reason") ?? "";
      return { status: localResponse.status, reason };
    }
    const [picked = ""] = destinationsOf(request);
    beginResponse(request);
    const explanation = request.sentToClient.headers?.get("x-hintway-explain") ?? "";
    request.done();
    const { candidates } = JSON.parse(explanation) as Explanation;
    const scores = addresses.map(
      (address) => candidates.find(({ endpoint }) => endpoint === address)?.score ?? null,
    );
    return { scores, picked: addresses.indexOf(picked) };
  }

  #tell(situation: Situation, network: string, addresses: readonly string[]): void {
    const { endpoints, blocks = 0 } = situation;
    const nowMs = 1_000_000;
    const pools = poolsOf(situation.config);
    const listed = endpoints.map(({ labels = {} }, index) => {
      const address = `${network}.${index + 1}`;
      return { name: address, namespace: "default", address, port: PORT, labels };
    });
    pools.discover([{ name: "pool", endpoints: listed }], nowMs);
    pools.assignSlots(nowMs);
    const hints = new Hints(SETTINGS, pools, new PrefixIndex(4096), Math.random);
    for (const [index, state] of endpoints.entries()) {
      const { pool, endpoint } = pools.atAddress(addresses[index]!)[0]!;
      if (state.reading !== null) {
        const reading = { ...emptyReading("vllm"), ...state.reading };
        endpoint.takeReading(reading, nowMs - (state.readMsAgo ?? 0));
      }
      pool.rescore(endpoint);
      const { requests = 0, tokens = 0 } = state;
      const backlogBytes = tokens * BYTES_PER_TOKEN;
      const share = { requests, backlogBytes, residentBytes: 0, unanswered: 0 };
      hints.shares.set(OTHER_GATEWAY, endpoint.slot!, share);
    }
    const nothing = { id: "", versionMin: 1, versionMax: 1, generation: 0 };
    const claim = { ...nothing, table: 0, loads: 0, index: 0, holdMs: 0, origin: 0, toldMs: 0 };
    this.#gateway.hint(hints.answer(GATEWAY, claim, nowMs));
    const entries = endpoints.flatMap(({ holds = 0 }, index) => {
      const slot = pools.atAddress(addresses[index]!)[0]!.endpoint.slot!;
      const keys = blocks > 0 ? keysOf(blocks).slice(0, keyCountOf(holds)) : [];
      return [{ slot, entries: keys.map((key) => ({ key, ageBlocks: 0 })) }];
    });
    this.#gateway.hint(hintsFrame({ entries, generation: hints.positions.generation }));
  }
}

const SETTINGS = settingsOf(readOptions(OPTIONS));
const GATEWAY: Gateway = {
  number: 1,
  id: "bench",
  versionMin: VERSION_MAX,
  versionMax: VERSION_MAX,
  version: VERSION_MAX,
  lastContactMs: 0,
  lastContactHereMs: 0,
  hasHeardUs: false,
  lastAnswerMs: 0,
  lastReportMs: null,
  polls: 0,
  reports: 0,
  entriesFrom: null,
};

function poolsOf(config: string): Pools {
  const blocks = { bytesMin: BLOCK_BYTES, lastKnownBytes: null, keysMax: INDEX_KEYS_MAX };
  return new Pools(blocks, parseConfiguration(HEAD + config, "bench"));
}

function askingOf({ blocks = 0, headers = {}, model }: Situation): Asking {
  const asking = blocks > 0 ? promptOf(blocks) : WITHOUT_PROMPT;
  const body = model === undefined ? asking.body : JSON.stringify({ model, prompt: "" });
  const asked = { ...asking.headers, ...headers, "x-hintway-explain": "1" };
  return { ...asking, ...(body !== undefined && { body }), headers: asked };
}
