import { isObject } from "../api/fields.ts";
import type { TransferContext } from "./context.ts";
import { objectField, requireFields, wrongField } from "./fields.ts";
import { requireOneToken } from "./one-token.ts";
import type { RendezvousFormat } from "./rendezvous.ts";

const PLACE = "kv_transfer_params.";

/**
 * vLLM's OffloadingConnector with a peer-to-peer tier: a prefill is told of its decoder's request, the
 * decoder where its prefill is. Keys of older engines (`p2p`, `prefill`, `decode`) do nothing, as there.
 */
export function offloading(context: TransferContext): RendezvousFormat {
  return {
    place: PLACE,
    idName: "kv_request_id",
    read(request) {
      const params = objectField(request.body, "kv_transfer_params");
      const { remote_decoder: decoder, remote_prefiller: prefiller } = params ?? {};
      if (isObject(decoder) && isObject(prefiller)) {
        throw wrongField(`${PLACE}remote_decoder`, "and remote_prefiller are of two legs");
      }
      if (isObject(decoder)) {
        requireOneToken(request);
        requireFields(`${PLACE}remote_decoder.`, decoder, { kv_request_id: "a text" });
        const { host, port } = context.bootstrap;
        const handedOut = { remote_host: host, remote_port: port };
        const id = String(decoder.kv_request_id);
        return { kind: "prefill", id, handedOut, waitsForDecode: false };
      }
      if (!isObject(prefiller)) return undefined;
      const place = `${PLACE}remote_prefiller.`;
      requireFields(place, prefiller, {
        kv_request_id: "a text",
        remote_host: "a text",
        remote_port: "a port",
      });
      const { kv_request_id: id, remote_host, remote_port } = prefiller;
      const peer = {
        host: String(remote_host),
        port: Number(remote_port),
        fields: { host: `${place}remote_host`, port: `${place}remote_port` },
      };
      return { kind: "decode", id: String(id), fields: { remote_host, remote_port }, peer };
    },
  };
}
