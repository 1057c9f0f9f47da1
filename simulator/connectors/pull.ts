import { randomUUID } from "node:crypto";
import type { Json } from "../api/dialect.ts";
import type { TransferContext } from "./context.ts";
import { type Kind, objectField, requireFields, wrongField } from "./fields.ts";
import type { Connector, Leg, LegRequest } from "./leg.ts";
import { type Claim, Offers } from "./offers.ts";
import { requireOneToken } from "./one-token.ts";
import { askPeer } from "./peer.ts";

const PLACE = "kv_transfer_params.";

/** What a prefill leg may not know yet; vLLM's proxies send every one of them, as null. */
const NOT_YET_KNOWN: Record<string, Kind> = {
  remote_engine_id: "null or left out",
  remote_block_ids: "null or left out",
  remote_host: "null or left out",
  remote_port: "null or left out",
};

/**
 * A prefill's parameters as its decode leg has to come with them. `tp_size`, `remote_num_tokens` and
 * `remote_blocks_expiry_time` are of vLLM's fifth version of the format.
 */
const HANDED_OUT: Record<string, Kind> = {
  do_remote_decode: "a boolean",
  remote_engine_id: "a text",
  remote_block_ids: "a list of lists of block ids",
  remote_request_id: "a text",
  remote_host: "a text",
  remote_port: "a port",
  tp_size: "a whole number",
  remote_num_tokens: "a whole number",
};

/** MoRI-IO's are flat, and say where to shake hands and what the transfer is called. */
const MORIIO_HANDED_OUT: Record<string, Kind> = {
  ...HANDED_OUT,
  remote_block_ids: "a list of block ids",
  remote_handshake_port: "a port",
  remote_notify_port: "a port",
  transfer_id: "a text",
};

/**
 * Serial pull: vLLM's NixlConnector (vllm/distributed/kv_transfer/kv_connector/v1/nixl, the scheduler's
 * `request_finished`) and MoRI-IO's read mode. The prefill answers with parameters of its own, which
 * the decode leg brings back. vLLM computes by itself where they are broken; here that is refused.
 */
export class PullConnector implements Connector {
  readonly offers = new Offers(PLACE, "remote_request_id");
  readonly #context: TransferContext;
  readonly #isMoriio: boolean;
  /** Block ids are handed out in turn, so that no two prompts at a time have the same. */
  #nextBlock = 1;

  constructor(context: TransferContext, isMoriio = false) {
    this.#context = context;
    this.#isMoriio = isMoriio;
  }

  begin(request: LegRequest): Leg | undefined | Promise<Leg> {
    const params = objectField(request.body, "kv_transfer_params");
    if (params === undefined) return undefined;
    requireFields(PLACE, params, { do_remote_decode: "a boolean", do_remote_prefill: "a boolean" });
    if (params.do_remote_decode === params.do_remote_prefill) {
      throw wrongField(`${PLACE}do_remote_prefill`, "must be the opposite of do_remote_decode");
    }
    const asked = params.do_remote_decode ? "prefill" : "decode";
    const { role } = this.#context.settings;
    if (role !== "both" && role !== asked) {
      throw wrongField(`${PLACE}do_remote_decode`, `asks a ${role} server for a ${asked} leg`);
    }
    return asked === "prefill" ? this.#prefill(request, params) : this.#decode(request, params);
  }

  async claim(claim: Json): Promise<Json> {
    return { tokens: await this.offers.claim(claim as unknown as Claim, true) };
  }

  #prefill(request: LegRequest, params: Json): Leg {
    requireOneToken(request);
    requireFields(PLACE, params, NOT_YET_KNOWN);
    const requestId = String(request.headers["x-request-id"] ?? "");
    const handedOut = this.#handOut(request, requestId);
    const id = String(handedOut.remote_request_id);
    const { promptTokens, fingerprint } = request;
    return {
      kind: "prefill",
      keep: (free) => {
        const offer = { promptTokens, fingerprint, requestId, handedOut, free };
        this.offers.offer(id, offer, this.#context.lease);
      },
      finished: () => ({ kv_transfer_params: handedOut }),
    };
  }

  #handOut({ promptTokens }: LegRequest, requestId: string): Json {
    const { host, port } = this.#context.address;
    const { blockTokens, tensorParallel } = this.#context.settings;
    const blocks = this.#takeBlockIds(Math.ceil(promptTokens / blockTokens));
    const common = {
      do_remote_prefill: true,
      do_remote_decode: false,
      remote_engine_id: this.#context.engineIds[0],
      remote_request_id: `cmpl-${requestId || randomUUID()}-${randomUUID().slice(0, 8)}`,
      remote_host: host,
      remote_port: port,
      tp_size: tensorParallel,
      remote_num_tokens: promptTokens,
    };
    if (!this.#isMoriio) {
      return { ...common, remote_block_ids: [blocks], remote_blocks_expiry_time: null };
    }
    const ports = { remote_handshake_port: port, remote_notify_port: port };
    return { ...common, ...ports, remote_block_ids: blocks, transfer_id: `tx-${randomUUID()}` };
  }

  #takeBlockIds(count: number): number[] {
    const first = this.#nextBlock;
    this.#nextBlock += count;
    return Array.from({ length: count }, (_, at) => first + at);
  }

  /** The parameters are checked before anything is answered; the blocks take their time after that. */
  async #decode(request: LegRequest, params: Json): Promise<Leg> {
    requireFields(PLACE, params, this.#isMoriio ? MORIIO_HANDED_OUT : HANDED_OUT);
    const { tensorParallel } = this.#context.settings;
    if (Number(params.tp_size) > tensorParallel) {
      throw wrongField(`${PLACE}tp_size`, `is ${params.tp_size}, over the ${tensorParallel} here`);
    }
    const { promptTokens, fingerprint } = request;
    const requestId = String(request.headers["x-request-id"] ?? "");
    const id = String(params.remote_request_id);
    const peer = {
      host: String(params.remote_host),
      port: Number(params.remote_port),
      fields: { host: `${PLACE}remote_host`, port: `${PLACE}remote_port` },
    };
    const claim = { id, promptTokens, fingerprint, requestId, fields: params };
    const { tokens } = await askPeer(peer, claim);
    const arrival = this.#context.link.receive(Number(tokens)).then(() => Number(tokens));
    return { kind: "decode", arrival };
  }
}
