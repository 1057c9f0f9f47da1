import type { Json } from "../api/dialect.ts";
import type { TransferContext } from "./context.ts";
import { objectField, requireFields, wrongField } from "./fields.ts";
import type { LegRequest } from "./leg.ts";
import { requireOneToken } from "./one-token.ts";
import type { PrefillSide, RendezvousFormat } from "./rendezvous.ts";

const PLACE = "kv_transfer_params.";
const RANK_HEADER = "x-data-parallel-rank";

/**
 * Mooncake (vLLM's examples/disaggregated/mooncake_connector): both legs carry a transfer id, and the
 * decode leg says at which bootstrap address, and from which engine, its prompt comes.
 */
export function mooncake(context: TransferContext): RendezvousFormat {
  return {
    place: PLACE,
    idName: "transfer_id",
    read(request) {
      const params = objectField(request.body, "kv_transfer_params");
      if (params === undefined) return undefined;
      requireFields(PLACE, params, {
        do_remote_decode: "a boolean",
        do_remote_prefill: "a boolean",
        transfer_id: "a text",
      });
      const id = String(params.transfer_id);
      if (params.do_remote_decode && !params.do_remote_prefill)
        return prefill(context, request, id);
      if (!params.do_remote_prefill || params.do_remote_decode) {
        throw wrongField(`${PLACE}do_remote_prefill`, "must be the opposite of do_remote_decode");
      }
      requireFields(PLACE, params, { remote_bootstrap_addr: "a text", remote_engine_id: "a text" });
      const { remote_bootstrap_addr, remote_engine_id } = params;
      const fields = { remote_bootstrap_addr, remote_engine_id };
      return { kind: "decode", id, fields, peer: peerAt(String(remote_bootstrap_addr)) };
    },
  };
}

function prefill(context: TransferContext, request: LegRequest, id: string): PrefillSide {
  requireOneToken(request);
  const rank = Number(request.headers[RANK_HEADER] ?? 0);
  const engineId = context.engineIds[rank];
  if (engineId === undefined) {
    const count = context.engineIds.length;
    throw wrongField(RANK_HEADER, `is ${request.headers[RANK_HEADER]}, of ${count} ranks`);
  }
  const { host, port } = context.bootstrap;
  const handedOut = {
    remote_bootstrap_addr: `http://${host}:${port}`,
    remote_engine_id: engineId,
  };
  return { kind: "prefill", id, handedOut, waitsForDecode: false };
}

function peerAt(address: string) {
  const name = `${PLACE}remote_bootstrap_addr`;
  const url = URL.parse(address);
  if (url?.protocol !== "http:" || url.port === "") {
    throw wrongField(name, `must be http://HOST:PORT, got ${address}`);
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port: Number(url.port), fields: { host: name, port: name } };
}

/** What a bootstrap server answers at /query: the engine of each data-parallel rank. */
export function mooncakeEngines(context: TransferContext): Json {
  const { host, port } = context.bootstrap;
  return Object.fromEntries(
    context.engineIds.map((engineId, rank) => [
      String(rank),
      { engine_id: engineId, worker_addr: { 0: { 0: `tcp://${host}:${port}` } } },
    ]),
  );
}
