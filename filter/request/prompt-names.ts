// What each member of a request body is for, by the hash of its name. A prompt has three segments:
//
//   tools      what a chat template renders before or around the messages; order does not matter
//   system     the system text where an API has it apart from the messages
//   messages   the rest, by whatever name an API calls it
import { hashOf } from "../json/text-hash.ts";
import {
  API_CHAT,
  API_COMPLETIONS,
  API_EMBEDDINGS,
  API_MESSAGES,
  API_NONE,
  API_RESPONSES,
  API_SGLANG_GENERATE,
  API_VLLM_GENERATE,
} from "./prompt-api.ts";

// Where a value goes.
export const TO_NOTHING: u32 = 0;
/** Out of the body: only the gateway may say it. */
export const TO_STRIP: u32 = 1;
/** An object in which TO_STRIP, TO_MAX_TOKENS and TO_USAGE may stand as well. */
export const TO_SCOPE: u32 = 2;
export const TO_MODEL: u32 = 3;
export const TO_SALT: u32 = 4;
export const TO_STREAM: u32 = 5;
export const TO_MAX_TOKENS: u32 = 6;
/** The same, and wins over the other spellings. */
export const TO_MAX_COMPLETION_TOKENS: u32 = 7;
/** A member or element of a tree (keys-tree.ts); at the top it belongs to the tools. */
export const TO_TREE: u32 = 8;
/** The same, of which every element is a medium. */
export const TO_MEDIA: u32 = 9;
/** The same, and may name a medium. */
export const TO_TYPE: u32 = 10;
/** The text of a part; what is not a string there is of a tree. */
export const TO_TEXT: u32 = 11;
export const TO_SYSTEM: u32 = 12;
export const TO_MESSAGES: u32 = 13;
/** An element of the messages. */
export const TO_ELEMENT: u32 = 14;
export const TO_ROLE: u32 = 15;
export const TO_CONTENT: u32 = 16;
/** An element of a message's content. */
export const TO_PART: u32 = 17;
/** Whether a streamed answer is to tell its token counts. */
export const TO_USAGE: u32 = 18;
/** How much of its prompt decode must hold: that it is named is all that is read of it here. */
export const TO_THRESHOLD: u32 = 19;

/** Whether a value that is not a string is of a tree there. */
export function isTree(destination: u32): bool {
  return destination >= TO_TREE && destination <= TO_TEXT;
}

// For whom a name has its meaning: a bit for each API, and one for TO_SCOPE objects.
const IN_SCOPE: u32 = 1 << 31;
/** Of any body, also one that no known API takes. */
const ANY: u32 = 0xff;
const ALL: u32 = ANY & ~(1 << API_NONE);
const CHAT: u32 = 1 << API_CHAT;
const COMPLETIONS: u32 = 1 << API_COMPLETIONS;
const RESPONSES: u32 = 1 << API_RESPONSES;
const MESSAGES: u32 = 1 << API_MESSAGES;
const EMBEDDINGS: u32 = 1 << API_EMBEDDINGS;
const VLLM: u32 = 1 << API_VLLM_GENERATE;
const SGLANG: u32 = 1 << API_SGLANG_GENERATE;

// Open addressing; an entry: hash of the name (8), where to (4), for whom (4).
const ENTRIES: u32 = 256;
const ENTRY_BYTES: u32 = 16;
const TABLE: usize = table();

function name(table: usize, text: string, destination: u32, apis: u32): void {
  const hash = hashOf(text);
  let index = (hash as u32) % ENTRIES;
  while (load<u64>(table + index * ENTRY_BYTES) !== 0) index = (index + 1) % ENTRIES;
  const entry = table + index * ENTRY_BYTES;
  store<u64>(entry, hash);
  store<u32>(entry, destination, 8);
  store<u32>(entry, apis, 12);
}

function table(): usize {
  const table = heap.alloc(ENTRIES * ENTRY_BYTES);
  memory.fill(table, 0, ENTRIES * ENTRY_BYTES);
  nameSettings(table);
  namePrompts(table);
  nameTools(table);
  return table;
}

function nameSettings(table: usize): void {
  name(table, "model", TO_MODEL, ANY);
  name(table, "cache_salt", TO_SALT, ANY);
  name(table, "stream", TO_STREAM, ANY);
  name(table, "cache_hit_threshold", TO_THRESHOLD, ANY);
  name(table, "stream_options", TO_SCOPE, ANY | IN_SCOPE);
  name(table, "include_usage", TO_USAGE, IN_SCOPE);
  name(table, "max_tokens", TO_MAX_TOKENS, ANY | IN_SCOPE);
  name(table, "max_output_tokens", TO_MAX_TOKENS, ANY);
  name(table, "max_new_tokens", TO_MAX_TOKENS, ANY | IN_SCOPE);
  name(table, "max_completion_tokens", TO_MAX_COMPLETION_TOKENS, ANY);
  name(table, "sampling_params", TO_SCOPE, ANY | IN_SCOPE);
  name(table, "extra_args", TO_SCOPE, ANY | IN_SCOPE);
  name(table, "vllm_xargs", TO_SCOPE, ANY | IN_SCOPE);
  name(table, "parameters", TO_SCOPE, ANY | IN_SCOPE);
  name(table, "kv_transfer_params", TO_STRIP, ANY | IN_SCOPE);
  name(table, "ec_transfer_params", TO_STRIP, ANY | IN_SCOPE);
}

function namePrompts(table: usize): void {
  name(table, "messages", TO_MESSAGES, CHAT | MESSAGES | EMBEDDINGS);
  name(table, "prompt", TO_MESSAGES, COMPLETIONS);
  name(table, "input", TO_MESSAGES, RESPONSES | EMBEDDINGS);
  name(table, "token_ids", TO_MESSAGES, VLLM);
  name(table, "text", TO_MESSAGES, SGLANG);
  name(table, "input_ids", TO_MESSAGES, SGLANG);
  name(table, "system", TO_SYSTEM, MESSAGES);
  name(table, "instructions", TO_SYSTEM, RESPONSES);
}

function nameTools(table: usize): void {
  name(table, "tools", TO_TREE, ALL);
  name(table, "functions", TO_TREE, ALL);
  name(table, "chat_template", TO_TREE, ALL);
  name(table, "chat_template_kwargs", TO_TREE, ALL);
  name(table, "documents", TO_TREE, ALL);
  name(table, "reasoning_effort", TO_TREE, ALL);
  name(table, "reasoning", TO_TREE, ALL);
  name(table, "thinking", TO_TREE, ALL);
  name(table, "mm_processor_kwargs", TO_TREE, ALL);
  name(table, "suffix", TO_TREE, COMPLETIONS);
  name(table, "previous_response_id", TO_TREE, RESPONSES);
  name(table, "features", TO_TREE, VLLM);
  name(table, "lora_path", TO_TREE, SGLANG);
  name(table, "image_data", TO_MEDIA, SGLANG);
  name(table, "audio_data", TO_MEDIA, SGLANG);
  name(table, "video_data", TO_MEDIA, SGLANG);
}

/** Where a member of the body itself goes, or of a TO_SCOPE object if `inScope`. */
export function bodyDestination(hash: u64, api: u32, inScope: bool): u32 {
  const mask = inScope ? IN_SCOPE : (1 as u32) << api;
  let index = (hash as u32) % ENTRIES;
  while (true) {
    const entry = TABLE + index * ENTRY_BYTES;
    const found = load<u64>(entry);
    if (found === hash) return (load<u32>(entry, 12) & mask) !== 0 ? load<u32>(entry, 8) : 0;
    if (found === 0) return TO_NOTHING;
    index = (index + 1) % ENTRIES;
  }
}

const BOOTSTRAP: string = "bootstrap_";

/** Whether the name whose first bytes stand at `head` begins with `bootstrap_`. */
export function isBootstrapName(head: usize, bytes: u32): bool {
  if (bytes < (BOOTSTRAP.length as u32)) return false;
  for (let at = 0; at < BOOTSTRAP.length; at++) {
    if (load<u8>(head + at) !== (BOOTSTRAP.charCodeAt(at) as u8)) return false;
  }
  return true;
}

const ROLE: u64 = hashOf("role");
const CONTENT: u64 = hashOf("content");
const TEXT: u64 = hashOf("text");
const TYPE: u64 = hashOf("type");
/** Anthropic's marks for its own cache: the model does not see them. */
const CACHE_CONTROL: u64 = hashOf("cache_control");

export function messageDestination(hash: u64): u32 {
  if (hash === ROLE) return TO_ROLE;
  if (hash === CONTENT) return TO_CONTENT;
  return treeDestination(hash);
}

export function partDestination(hash: u64): u32 {
  return hash === TEXT ? TO_TEXT : treeDestination(hash);
}

export function treeDestination(hash: u64): u32 {
  if (hash === TYPE) return TO_TYPE;
  return hash === CACHE_CONTROL ? TO_NOTHING : TO_TREE;
}

const MESSAGE_TYPE: u64 = hashOf("message");
const TEXT_TYPE: u64 = hashOf("text");
const INPUT_TEXT_TYPE: u64 = hashOf("input_text");
const OUTPUT_TEXT_TYPE: u64 = hashOf("output_text");

/** A message whose `type` says so is as one without. */
export function isMessageType(hash: u64): bool {
  return hash === MESSAGE_TYPE;
}

/** A part whose `type` says so is as a plain string. */
export function isTextType(hash: u64): bool {
  return hash === TEXT_TYPE || hash === INPUT_TEXT_TYPE || hash === OUTPUT_TEXT_TYPE;
}

const MEDIA_NAMES: StaticArray<string> = [
  "image",
  "image_url",
  "image_pil",
  "image_embeds",
  "input_image",
  "audio",
  "audio_url",
  "audio_embeds",
  "input_audio",
  "video",
  "video_url",
  "file",
  "input_file",
  "document",
];
const MEDIA_TYPES: StaticArray<u64> = mediaTypes();

function mediaTypes(): StaticArray<u64> {
  const hashes = new StaticArray<u64>(MEDIA_NAMES.length);
  for (let index = 0; index < MEDIA_NAMES.length; index++) {
    hashes[index] = hashOf(MEDIA_NAMES[index]);
  }
  return hashes;
}

/** What an encode stage encodes (llm-d-router, pkg/sidecar/proxy/connector_ec_common.go). */
export const ENCODED_TYPES: StaticArray<u64> = [
  hashOf("image_url"),
  hashOf("audio_url"),
  hashOf("video_url"),
  hashOf("input_audio"),
];

/** Whether an object of this `type` is an image, a sound, a video or a file. */
export function isMediaType(hash: u64): bool {
  for (let index = 0; index < MEDIA_TYPES.length; index++) {
    if (unchecked(MEDIA_TYPES[index]) === hash) return true;
  }
  return false;
}
