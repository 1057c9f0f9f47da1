import type { Json } from "../api/dialect.ts";
import type { TransferContext } from "./context.ts";
import type { Connector, Leg, LegRequest } from "./leg.ts";
import { type Claim, Offers } from "./offers.ts";
import { askPeer, type Peer } from "./peer.ts";

/** What one connector reads out of a request. */
export interface PrefillSide {
  kind: "prefill";
  id: string;
  /** What the decode leg has to say beside the id. */
  handedOut: Json;
  /** Whether nothing is computed before the decode server has come. */
  waitsForDecode: boolean;
  /** Set where the engine makes as many tokens whatever is asked for. */
  outputTokens?: number;
}

export interface DecodeSide {
  kind: "decode";
  id: string;
  fields: Json;
  peer: Peer;
}

export interface RendezvousFormat {
  /** What stands before the fields' names in refusals, and what the id is called. */
  place: string;
  idName: string;
  /** undefined where the request asks for no transfer. Throws an ApiError that names the field. */
  read(request: LegRequest): PrefillSide | DecodeSide | undefined;
}

/**
 * Concurrent rendezvous: both legs are sent at once and meet by an id. As in the engines, a decode
 * server waits for a prefill that never comes, or that has failed, until its client leaves.
 */
export class RendezvousConnector implements Connector {
  readonly offers: Offers;
  readonly #context: TransferContext;
  readonly #format: RendezvousFormat;

  constructor(context: TransferContext, format: RendezvousFormat) {
    this.#context = context;
    this.#format = format;
    this.offers = new Offers(format.place, format.idName);
  }

  begin(request: LegRequest): Leg | undefined {
    const side = this.#format.read(request);
    if (side === undefined) return undefined;
    return side.kind === "prefill" ? this.#prefill(request, side) : this.#decode(request, side);
  }

  async claim(claim: Json): Promise<Json> {
    return { tokens: await this.offers.claim(claim as unknown as Claim, false) };
  }

  #prefill(request: LegRequest, side: PrefillSide): Leg {
    const { id, handedOut } = side;
    const { promptTokens, fingerprint } = request;
    const requestId = String(request.headers["x-request-id"] ?? "");
    const decodeCame = this.offers.begin(id);
    return {
      kind: "prefill",
      ...(side.waitsForDecode ? { arrival: decodeCame.then(() => 0) } : {}),
      ...(side.outputTokens === undefined ? {} : { outputTokens: side.outputTokens }),
      keep: (free) => {
        const offer = { promptTokens, fingerprint, requestId, handedOut, free };
        this.offers.offer(id, offer, this.#context.lease);
      },
      abandoned: () => this.offers.fail(id),
    };
  }

  #decode(request: LegRequest, { id, fields, peer }: DecodeSide): Leg {
    const { promptTokens, fingerprint } = request;
    const requestId = String(request.headers["x-request-id"] ?? "");
    const leaving = new AbortController();
    const claim = { id, promptTokens, fingerprint, requestId, fields };
    return {
      kind: "decode",
      arrival: this.#arrival(claim, peer, leaving.signal),
      abandoned: () => leaving.abort(),
    };
  }

  async #arrival(claim: Claim, peer: Peer, signal: AbortSignal): Promise<number> {
    const tokens = Number((await askPeer(peer, claim as unknown as Json, signal)).tokens);
    await this.#context.link.receive(tokens);
    return tokens;
  }
}
