// The keys of a prompt by the book: from the parsed body, a byte at a time, with no thought of
// speed. Written from the description of the keys, not from the filter.
import { hex } from "./prompt-probe.ts";
import {
  combine,
  exclusiveOr,
  type Hash,
  Lanes,
  stripeHash,
  sum,
  textHash,
  words,
  ZERO,
} from "./reference-hash.ts";

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type JsonObject = { [name: string]: Json };

interface Weighed {
  hash: Hash;
  weight: number;
}

const SCALAR_MARK: Hash = { low: 0x5bd1e995, high: 0 };
const OBJECT_MARK: Hash = { low: 0x1b873593, high: 0 };
const ARRAY_MARK: Hash = { low: 0xcc9e2d51, high: 0 };
const MEDIUM_BYTES = 1024;

const MEDIA = new Set(
  "image image_url image_pil image_embeds input_image audio audio_url audio_embeds input_audio video video_url file input_file document".split(
    " ",
  ),
);
const TEXT_TYPES = new Set(["text", "input_text", "output_text"]);

const TOOLS_OF_ALL =
  "tools functions chat_template chat_template_kwargs documents reasoning_effort reasoning thinking mm_processor_kwargs".split(
    " ",
  );
const TOOLS_OF: Record<number, string[]> = {
  2: ["suffix"],
  3: ["previous_response_id"],
  6: ["features"],
  7: ["lora_path", "image_data", "audio_data", "video_data"],
};
const MEDIA_MEMBERS = new Set(["image_data", "audio_data", "video_data"]);
const MESSAGES_OF: Record<number, string[]> = {
  1: ["messages"],
  2: ["prompt"],
  3: ["input"],
  4: ["messages"],
  5: ["messages", "input"],
  6: ["token_ids"],
  7: ["text", "input_ids"],
};
const SYSTEM_OF: Record<number, string> = { 3: "instructions", 4: "system" };

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function tree(value: Json): Weighed {
  if (typeof value === "string") {
    return { hash: textHash(value), weight: Buffer.byteLength(value) };
  }
  if (typeof value === "object" && value !== null) {
    return Array.isArray(value) ? treeOfArray(value) : treeOfMembers(Object.entries(value));
  }
  const spelling = String(value);
  const weight = typeof value === "number" ? spelling.length : 4;
  return { hash: exclusiveOr(textHash(spelling), SCALAR_MARK), weight };
}

function treeOfArray(values: Json[]): Weighed {
  let hash = ZERO;
  let weight = 0;
  for (const value of values.map(tree)) {
    hash = combine(hash, value.hash);
    weight += value.weight;
  }
  return { hash: combine(hash, ARRAY_MARK), weight };
}

function treeOfMembers(members: [string, Json][]): Weighed {
  let hash = ZERO;
  let weight = 0;
  for (const [name, value] of members) {
    if (name === "cache_control") continue;
    const { hash: valueHash, weight: valueWeight } = tree(value);
    hash = sum(hash, combine(textHash(name), valueHash));
    weight += Buffer.byteLength(name) + valueWeight;
    if (name === "type" && typeof value === "string" && MEDIA.has(value)) weight = Number.NaN;
  }
  return { hash: combine(hash, OBJECT_MARK), weight: Number.isNaN(weight) ? MEDIUM_BYTES : weight };
}

/** Members that are not null, and count: as a tree, or null if there are none. */
function restOf(object: JsonObject, isLeftOut: (name: string, value: Json) => boolean) {
  const members = Object.entries(object).filter(
    ([name, value]) => value !== null && name !== "cache_control" && !isLeftOut(name, value),
  );
  return members.length === 0 ? null : treeOfMembers(members);
}

function padded(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

/** Where the blocks of a segment end: eight of the block size, then each four times as long. */
function blockEnds(bytes: number, blockBytes: number): number[] {
  const ends: number[] = [];
  let end = blockBytes;
  while (end <= bytes) {
    ends.push(end);
    end += ends.length < 8 ? blockBytes : 4 * blockBytes;
  }
  return ends;
}

/** Messages one after another, cut into blocks. */
class Segment {
  keys: Hash[] = [];
  digest = ZERO;
  bytes = 0;
  private lanes = new Lanes();
  private raw: Hash[] = [];
  private pending: number[] = [];
  private messageBytes = 0;
  private textParts = 0;

  private readonly blockBytes: number;

  constructor(blockBytes: number) {
    this.blockBytes = blockBytes;
  }

  private isBlockEnd(messageBytes: number): boolean {
    const end = this.bytes + padded(messageBytes);
    return blockEnds(end, this.blockBytes).at(-1) === end;
  }

  private mixPending(): void {
    this.lanes.mix(words(this.pending));
    this.pending = [];
    if (this.isBlockEnd(this.messageBytes)) this.raw.push(this.lanes.fold(this.messageBytes));
  }

  add(bytes: Iterable<number>): void {
    for (const byte of bytes) {
      this.pending.push(byte);
      this.messageBytes++;
      if (this.pending.length === 64) this.mixPending();
    }
  }

  addId(id: number): void {
    this.add([id & 255, (id >>> 8) & 255, (id >>> 16) & 255, id >>> 24]);
  }

  addText(text: string): void {
    if (this.textParts++ > 0) this.add([10]);
    this.add(Buffer.from(text));
  }

  private pad(): number {
    const bytes = this.messageBytes;
    if (this.pending.length > 0) this.mixPending();
    this.messageBytes = padded(bytes);
    return bytes;
  }

  put({ hash, weight }: Weighed): void {
    const textBytes = this.pad();
    this.lanes.mix([hash.low, hash.high, textBytes, weight]);
    const end = this.messageBytes + Math.max(padded(weight), 64);
    while (this.messageBytes < end) {
      this.messageBytes += 64;
      if (this.isBlockEnd(this.messageBytes)) this.raw.push(this.lanes.fold(this.messageBytes));
    }
  }

  end(role: Hash, rest: Weighed | null): void {
    const textBytes = this.pad();
    const context = combine(this.digest, role);
    this.keys.push(...this.raw.map((raw) => combine(raw, context)));
    const text = this.lanes.fold(textBytes);
    this.digest = combine(context, exclusiveOr(text, rest?.hash ?? ZERO));
    const end = this.messageBytes + padded(rest?.weight ?? 0);
    while (this.messageBytes < end) {
      this.messageBytes += 64;
      if (this.isBlockEnd(this.messageBytes)) {
        this.keys.push(combine(this.digest, { low: this.messageBytes, high: 0 }));
      }
    }
    this.bytes += end;
    this.lanes = new Lanes();
    this.raw = [];
    this.messageBytes = 0;
    this.textParts = 0;
  }
}

function addPart(segment: Segment, part: Json): void {
  if (typeof part === "string") segment.addText(part);
  else if (typeof part === "number") segment.addId(part);
  else if (isObject(part)) addPartObject(segment, part);
  else segment.put(tree(part));
}

function addPartObject(segment: Segment, part: JsonObject): void {
  if (typeof part.text === "string") segment.addText(part.text);
  const rest = restOf(
    part,
    (name, value) =>
      (name === "text" && typeof value === "string") ||
      (name === "type" && TEXT_TYPES.has(value as string)),
  );
  if (rest) segment.put(rest);
}

function addContent(segment: Segment, content: Json | undefined): void {
  if (Array.isArray(content)) for (const part of content) addPart(segment, part);
  else if (typeof content !== "boolean" && content != null) addPart(segment, content);
}

function addMessage(segment: Segment, message: JsonObject): void {
  addContent(segment, message.content);
  const role = typeof message.role === "string" ? textHash(message.role) : ZERO;
  const rest = restOf(
    message,
    (name, value) =>
      name === "role" || name === "content" || (name === "type" && value === "message"),
  );
  segment.end(role, rest);
}

function addList(segment: Segment, list: Json[]): void {
  list.forEach((element, index) => {
    if (typeof element === "number") {
      segment.addId(element);
      if (typeof list[index + 1] !== "number") segment.end(ZERO, null);
    } else if (isObject(element)) {
      addMessage(segment, element);
    } else if (typeof element === "string" || Array.isArray(element)) {
      addContent(segment, element);
      segment.end(ZERO, null);
    } else {
      segment.end(ZERO, tree(element));
    }
  });
}

function addMessages(segment: Segment, messages: Json | undefined): void {
  if (Array.isArray(messages)) addList(segment, messages);
  else if (isObject(messages)) addMessage(segment, messages);
  else if (typeof messages === "string" || typeof messages === "number") {
    addContent(segment, messages);
    segment.end(ZERO, null);
  }
}

function toolsOf(body: JsonObject, api: number): Weighed | null {
  const names = new Set([...TOOLS_OF_ALL, ...(TOOLS_OF[api] ?? [])]);
  const tools = restOf(body, (name) => !names.has(name));
  if (!tools) return null;
  const members = Object.entries(body).filter(([name, value]) => names.has(name) && value !== null);
  const weights = members.map(([name, value]) => name.length + memberWeight(name, value));
  return { hash: tools.hash, weight: weights.reduce((a, b) => a + b, 0) };
}

function memberWeight(name: string, value: Json): number {
  if (MEDIA_MEMBERS.has(name) && Array.isArray(value)) return MEDIUM_BYTES * value.length;
  if (MEDIA_MEMBERS.has(name) && typeof value === "string") return MEDIUM_BYTES;
  return tree(value).weight;
}

export interface ReferencePrompt {
  keys: string[];
  coveredBytes: number[];
  promptBytes: number;
}

/** Keys of a parsed body, and what they cover. */
export function referencePrompt(
  body: JsonObject,
  api: number,
  blockBytes: number,
): ReferencePrompt {
  const salt = typeof body.cache_salt === "string" ? stripeHash(body.cache_salt) : ZERO;
  const model = typeof body.model === "string" ? stripeHash(body.model) : ZERO;
  const keys: Hash[] = [];
  const coveredBytes = [0];
  let seed = combine(model, salt);
  let before = 0;
  const finish = (end: number) => {
    keys.push(seed);
    coveredBytes.push(end);
    before = end;
  };
  const addBlocks = (segment: Segment) => {
    keys.push(...segment.keys.map((raw) => combine(raw, seed)));
    const ends = blockEnds(segment.bytes, blockBytes);
    coveredBytes.push(...segment.keys.map((_, index) => before + ends[index]!));
  };
  const tools = toolsOf(body, api);
  if (tools) {
    seed = combine(seed, tools.hash);
    finish(tools.weight);
  }
  const system = new Segment(blockBytes);
  const systemText = body[SYSTEM_OF[api] ?? ""];
  if (typeof systemText === "string" || typeof systemText === "object") {
    addContent(system, systemText);
    system.end(ZERO, null);
  }
  if (system.bytes > 0) {
    addBlocks(system);
    seed = combine(seed, system.digest);
    finish(before + system.bytes);
  }
  const messages = new Segment(blockBytes);
  const name = MESSAGES_OF[api]?.find((candidate) => candidate in body);
  addMessages(messages, body[name ?? ""]);
  addBlocks(messages);
  return {
    keys: keys.map(({ low, high }) => hex(low, high)),
    coveredBytes,
    promptBytes: before + messages.bytes,
  };
}
