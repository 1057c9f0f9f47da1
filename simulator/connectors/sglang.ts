import type { TransferContext } from "./context.ts";
import { requireFields, wrongField } from "./fields.ts";
import type { LegRequest } from "./leg.ts";
import type { RendezvousFormat } from "./rendezvous.ts";

const ROOM = "bootstrap_room";
/** Rooms are signed 64-bit integers on the wire. */
const ROOM_MAX = 2n ** 63n - 1n;

/**
 * SGLang: the same three fields at the top of both bodies (python/sglang/srt/disaggregation). Whether a
 * server prefills or decodes is how it was started, so the same body serves both; a prefill makes one
 * token whatever the limit, and computes nothing before the decode server has come to its room.
 */
export function sglang(context: TransferContext): RendezvousFormat {
  return {
    place: "",
    idName: ROOM,
    read(request) {
      const { role } = context.settings;
      if (role !== "prefill" && role !== "decode") return undefined;
      const { body } = request;
      requireFields("", body, { bootstrap_host: "a text", bootstrap_port: "a port" });
      const id = roomOf(request);
      const fields = { bootstrap_host: body.bootstrap_host, bootstrap_port: body.bootstrap_port };
      if (role === "prefill") {
        const own = context.bootstrap;
        const handedOut = { bootstrap_host: own.host, bootstrap_port: own.port };
        for (const [name, value] of Object.entries(handedOut)) {
          if (body[name] === value) continue;
          throw wrongField(name, `is ${JSON.stringify(body[name])}, this server's is ${value}`);
        }
        return { kind: "prefill", id, handedOut, waitsForDecode: true, outputTokens: 1 };
      }
      const peer = {
        host: String(body.bootstrap_host),
        port: Number(body.bootstrap_port),
        fields: { host: "bootstrap_host", port: "bootstrap_port" },
      };
      return { kind: "decode", id, fields, peer };
    },
  };
}

/** JSON.parse rounds above 2^53, and two rooms would become one: the text decides. */
function roomOf({ bytes }: LegRequest): string {
  // By the object that holds it: only the body's own counts.
  const rooms = new Map<unknown, string | undefined>();
  function keepSource(this: unknown, key: string, value: unknown, { source }: { source?: string }) {
    if (key === ROOM) rooms.set(this, source);
    return value;
  }
  const parse = JSON.parse as (text: string, read: typeof keepSource) => unknown;
  const room = rooms.get(parse(bytes.toString(), keepSource));
  if (room === undefined) throw wrongField(ROOM, "is missing");
  if (/^\d+$/.test(room) && BigInt(room) <= ROOM_MAX) return room;
  throw wrongField(ROOM, `must be a whole number from 0 to ${ROOM_MAX}, got ${room}`);
}
