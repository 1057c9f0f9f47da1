import { ApiError } from "../api/api-error.ts";
import type { Json } from "../api/dialect.ts";
import type { TransferContext } from "./context.ts";
import { Encodings } from "./encodings.ts";
import type { Connector, Leg, LegRequest } from "./leg.ts";
import { mooncake, mooncakeEngines } from "./mooncake.ts";
import type { Offers } from "./offers.ts";
import { offloading } from "./offloading.ts";
import { PullConnector } from "./pull.ts";
import { RendezvousConnector } from "./rendezvous.ts";
import { sglang } from "./sglang.ts";
import { SharedStorage } from "./shared-storage.ts";

/** The names that llm-d's sidecar knows them by; `none` passes over every field of theirs. */
export const CONNECTORS = [
  ...["none", "nixlv2", "moriio", "sglang", "mooncake", "offloading", "shared-storage"],
] as const;

/** Legs and failures that are kept for tests to look at. */
const KEPT_MAX = 256;

interface SeenLeg {
  kind: Leg["kind"];
  path: string;
  requestId: string;
  rank: string;
}

/** All of a server's part in disaggregation: its connector, the encode stage, and a record of both. */
export class Transfers {
  readonly encodings: Encodings;
  readonly legs: SeenLeg[] = [];
  readonly failures: { field: string | null; message: string }[] = [];
  readonly counts = { prefill: 0, decode: 0, encode: 0, failed: 0 };
  /** Decode legs whose prompt is under way. */
  arriving = 0;
  readonly #context: TransferContext;
  readonly #name: string;
  readonly #connector: (Connector & { offers?: Offers }) | undefined;

  /** Throws a RangeError when the connector is unknown or lacks what it needs. */
  constructor(name: string, context: TransferContext) {
    this.#name = name;
    this.#context = context;
    this.#connector = connectorOf(name, context);
    this.encodings = new Encodings(context);
  }

  get held(): number {
    return this.#connector?.offers?.held ?? 0;
  }

  get bytesReceived(): number {
    return this.#context.link.bytes;
  }

  /** Leading prompt blocks that the connector would find outside of this server. */
  storedBlocks(keys: readonly number[]): number {
    return this.#connector instanceof SharedStorage ? this.#connector.stored(keys) : 0;
  }

  /** Rejects with an ApiError, which is counted, when a field of either stage is wrong. */
  async begin(request: LegRequest, path: string): Promise<Leg | undefined> {
    try {
      await this.encodings.fetch(request);
      const leg = this.encodings.encode(request) ?? (await this.#connector?.begin(request));
      if (leg) this.#record(leg, request, path);
      return leg;
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** Answers another server. */
  async claim(question: Json): Promise<Json> {
    try {
      if (typeof question.encoding === "string") {
        return this.encodings.claim(question.encoding, question.metadata);
      }
      if (this.#connector?.claim) return await this.#connector.claim(question);
      throw new ApiError(400, `The connector of this server is '${this.#name}'.`);
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** The engines of a Mooncake bootstrap server. */
  engines(): Json | undefined {
    return this.#name === "mooncake" ? mooncakeEngines(this.#context) : undefined;
  }

  failed(error: unknown): unknown {
    if (!(error instanceof ApiError)) return error;
    this.counts.failed++;
    this.failures.push({ field: error.param, message: error.message });
    if (this.failures.length > KEPT_MAX) this.failures.shift();
    return error;
  }

  state(): Json {
    const { legs, failures, counts, held } = this;
    const { made, fetched, untold } = this.encodings;
    const encoded = { made, fetched, untold };
    const offers = this.#connector?.offers?.counts ?? null;
    return { connector: this.#name, counts, held, offers, encoded, legs, failures };
  }

  #record(leg: Leg, { headers }: LegRequest, path: string): void {
    this.counts[leg.kind]++;
    const requestId = String(headers["x-request-id"] ?? "");
    const rank = String(headers["x-data-parallel-rank"] ?? "");
    this.legs.push({ kind: leg.kind, path, requestId, rank });
    if (this.legs.length > KEPT_MAX) this.legs.shift();
    if (leg.kind !== "decode" || leg.arrival === undefined) return;
    this.arriving++;
    const arrived = () => {
      this.arriving--;
    };
    leg.arrival.then(arrived, arrived);
  }
}

function connectorOf(name: string, context: TransferContext): Connector | undefined {
  if (name === "none") return undefined;
  if (name === "nixlv2" || name === "moriio") return new PullConnector(context, name === "moriio");
  if (name === "sglang") return new RendezvousConnector(context, sglang(context));
  if (name === "mooncake") return new RendezvousConnector(context, mooncake(context));
  if (name === "offloading") return new RendezvousConnector(context, offloading(context));
  if (name !== "shared-storage") {
    throw new RangeError(`kv-connector: unknown '${name}'; use one of ${CONNECTORS.join(", ")}.`);
  }
  const { store } = context.settings;
  if (store === undefined) throw new RangeError("kv-store: shared-storage needs a folder.");
  return new SharedStorage(context, store);
}
