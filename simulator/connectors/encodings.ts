import { createHash } from "node:crypto";
import type { Json } from "../api/dialect.ts";
import { isObject } from "../api/fields.ts";
import type { TransferContext } from "./context.ts";
import { objectField, requireFields, wrongField } from "./fields.ts";
import type { Leg, LegRequest } from "./leg.ts";
import { requireOneToken } from "./one-token.ts";
import { askPeer } from "./peer.ts";

const PLACE = "ec_transfer_params";
/** What an encoded item is said to weigh: 256 tokens of 4,096 two-byte values. */
const ITEM_BYTES = 256 * 4096 * 2;
const MEDIA = ["image_url", "audio_url", "video_url", "input_audio"];

/**
 * The encode stage (llm-d's ec-nixl): an encoder answers with where each media item's encoding is,
 * by hash; whoever reads the prompt is given all of them, and fetches each.
 */
export class Encodings {
  readonly #context: TransferContext;
  readonly #made = new Set<string>();
  fetched = 0;
  /** Items of a request that tells of others' encodings: of these nothing was told. */
  untold = 0;

  constructor(context: TransferContext) {
    this.#context = context;
  }

  get made(): number {
    return this.#made.size;
  }

  /** The leg of an encoder; undefined on any other server. */
  encode(request: LegRequest): Leg | undefined {
    if (this.#context.settings.role !== "encode") return undefined;
    requireOneToken(request);
    const hashes = mediaHashes(request.body);
    if (hashes.length === 0) throw wrongField("messages", "hold no media item to encode");
    const { host, port } = this.#context.address;
    const place = {
      peer_host: host,
      peer_port: port,
      size_bytes: ITEM_BYTES,
      nixl_agent_metadata_b64: Buffer.from(this.#context.engineIds[0] ?? "").toString("base64"),
    };
    return {
      kind: "encode",
      finished: () => {
        for (const hash of hashes) this.#made.add(hash);
        return { [PLACE]: Object.fromEntries(hashes.map((hash) => [hash, place])) };
      },
    };
  }

  /** Fetches what the request says is encoded; an engine encodes by itself what it does not say. */
  async fetch({ body }: LegRequest): Promise<void> {
    const params = objectField(body, PLACE);
    if (params === undefined) return;
    const hashes = mediaHashes(body);
    this.untold += hashes.filter((hash) => params[hash] === undefined).length;
    for (const [hash, item] of Object.entries(params)) {
      if (!hashes.includes(hash)) throw wrongField(`${PLACE}.${hash}`, "is of no item here");
      if (!isObject(item)) throw wrongField(`${PLACE}.${hash}`, "is no object");
      await this.#fetchItem(hash, item);
    }
  }

  claim(hash: string, metadata: unknown): Json {
    const place = `${PLACE}.${hash}`;
    if (!this.#made.has(hash)) throw wrongField(place, "was not encoded here");
    const own = Buffer.from(this.#context.engineIds[0] ?? "").toString("base64");
    if (metadata === own) return {};
    throw wrongField(`${place}.nixl_agent_metadata_b64`, "is not this encoder's");
  }

  async #fetchItem(hash: string, item: Json): Promise<void> {
    const place = `${PLACE}.${hash}.`;
    requireFields(place, item, {
      peer_host: "a text",
      peer_port: "a port",
      size_bytes: "a whole number",
      nixl_agent_metadata_b64: "a text",
    });
    const peer = {
      host: String(item.peer_host),
      port: Number(item.peer_port),
      fields: { host: `${place}peer_host`, port: `${place}peer_port` },
    };
    const question = { encoding: hash, metadata: item.nixl_agent_metadata_b64 };
    await askPeer(peer, question);
    this.fetched++;
  }
}

/** One hash for each different media item of a chat's messages, by its URL or its bytes. */
function mediaHashes(body: Json): string[] {
  const messages = Array.isArray(body.messages) ? body.messages : [];
  const parts = messages.flatMap((message) => (isObject(message) ? message.content : []));
  const hashes = parts.flatMap((part) => {
    if (!isObject(part) || !MEDIA.includes(String(part.type))) return [];
    const item = part[String(part.type)];
    const source = isObject(item) ? (item.url ?? item.data) : item;
    return [createHash("sha256").update(String(source)).digest("hex")];
  });
  return [...new Set(hashes)];
}
