import { compileProbe, Probe } from "./probe.ts";

const SOURCE = `
import { apiOf as find } from "./filter/request/prompt-api.ts";
import { Prompt } from "./filter/request/prompt.ts";
const prompt = new Prompt();
export function apiOf(path: usize, bytes: u32): u32 { return find(path, bytes); }
export function begin(api: u32, blockBytes: u32, walkBytesMax: u32): void {
  prompt.begin(api, blockBytes, walkBytesMax);
}
export function walk(source: usize, bytes: u32): void { prompt.walk(source, bytes); }
export function finish(): void {
  prompt.finish();
  prompt.makeKeys(prompt.model);
}
export function release(): void { prompt.release(); }
export function readable(): bool { return prompt.readable; }
export function mayHideMembers(): bool { return prompt.mayHideMembers; }
export function reason(): u32 { return prompt.reason; }
export function truncated(): bool { return prompt.truncated; }
export function hasModel(): bool { return prompt.hasModel; }
export function modelLow(): u32 { return prompt.modelLow; }
export function modelHigh(): u32 { return prompt.modelHigh; }
export function stream(): bool { return prompt.stream; }
export function asksUsage(): bool { return prompt.asksUsage; }
export function maxTokens(): u32 { return prompt.maxTokens; }
export function promptBytes(): u32 { return prompt.promptBytes; }
export function keyCount(): u32 { return prompt.keyCount; }
export function keys(): usize { return prompt.keys; }
export function coveredBytes(keys: u32): u32 { return prompt.coveredBytes(keys); }
export function bodyEnd(): u32 { return prompt.bodyEnd; }
export function hasMembers(): bool { return prompt.hasMembers; }
export function stripCount(): u32 { return prompt.stripCount; }
export function stripStart(index: u32): u32 { return prompt.stripStart(index); }
export function stripEnd(index: u32): u32 { return prompt.stripEnd(index); }
`;

type Answer = () => number;
type Exports = {
  apiOf(path: number, bytes: number): number;
  begin(api: number, blockBytes: number, walkBytesMax: number): void;
  walk(source: number, bytes: number): void;
  coveredBytes(keys: number): number;
  stripStart(index: number): number;
  stripEnd(index: number): number;
} & Record<"finish" | "release" | "readable" | "reason" | "truncated" | "hasModel", Answer> &
  Record<
    "mayHideMembers" | "modelLow" | "modelHigh" | "stream" | "maxTokens" | "promptBytes",
    Answer
  > &
  Record<"asksUsage" | "bodyEnd" | "hasMembers" | "keyCount" | "keys" | "stripCount", Answer>;

export const API = {
  none: 0,
  chat: 1,
  completions: 2,
  responses: 3,
  messages: 4,
  embeddings: 5,
  vllmGenerate: 6,
  sglangGenerate: 7,
} as const;

export const REASON = {
  none: 0,
  syntax: 1,
  depth: 2,
  encoding: 3,
  notAnObject: 4,
  strips: 5,
  unfinished: 6,
} as const;

/** All that the filter knows of a body. Keys and hashes are 16 hexadecimal digits. */
export interface ReadPrompt {
  readable: boolean;
  reason: number;
  mayHideMembers: boolean;
  truncated: boolean;
  model: string | null;
  stream: boolean;
  asksUsage: boolean;
  maxTokens: number;
  promptBytes: number;
  keys: string[];
  /** Bytes covered by none, by the first, by the first two… of the keys. */
  coveredBytes: number[];
  strips: { start: number; end: number }[];
  /** Offset of the last brace of an object, and whether a member stays before it. */
  bodyEnd: number;
  hasMembers: boolean;
}

export interface WalkOptions {
  api?: number;
  blockBytes?: number;
  walkBytesMax?: number;
  pieceBytes?: number;
}

const module = await compileProbe("prompt", SOURCE);

/** The filter's reading of request bodies, by itself. */
export class PromptProbe extends Probe<Exports> {
  constructor() {
    super(module);
  }

  apiOf(path: string): number {
    const bytes = Buffer.from(path);
    return this.exports.apiOf(this.put(bytes), bytes.length);
  }

  read(body: string | Uint8Array, options: WalkOptions = {}): ReadPrompt {
    const { api = API.chat, blockBytes = 256, walkBytesMax = 4 << 20 } = options;
    const bytes = typeof body === "string" ? Buffer.from(body) : body;
    const x = this.exports;
    x.begin(api, blockBytes, walkBytesMax);
    this.putInPieces(bytes, options.pieceBytes ?? Number.POSITIVE_INFINITY, x.walk);
    x.finish();
    const answer = this.answer();
    x.release();
    return answer;
  }

  private answer(): ReadPrompt {
    const x = this.exports;
    const keyCount = x.keyCount();
    const counts = Array.from({ length: keyCount + 1 }, (_, count) => count);
    const strips = Array.from({ length: x.stripCount() }, (_, index) => index);
    return {
      readable: x.readable() !== 0,
      reason: x.reason(),
      mayHideMembers: x.mayHideMembers() !== 0,
      truncated: x.truncated() !== 0,
      model: x.hasModel() ? hex(x.modelLow(), x.modelHigh()) : null,
      stream: x.stream() !== 0,
      asksUsage: x.asksUsage() !== 0,
      maxTokens: x.maxTokens(),
      promptBytes: x.promptBytes(),
      keys: counts.slice(0, keyCount).map((index) => this.key(index)),
      bodyEnd: x.bodyEnd(),
      hasMembers: x.hasMembers() !== 0,
      coveredBytes: counts.map((count) => x.coveredBytes(count)),
      strips: strips.map((index) => ({ start: x.stripStart(index), end: x.stripEnd(index) })),
    };
  }

  private key(index: number): string {
    const at = this.exports.keys() + index * 8;
    return hex(this.view().getUint32(at, true), this.view().getUint32(at + 4, true));
  }
}

export function hex(low: number, high: number): string {
  return [high, low].map((half) => (half >>> 0).toString(16).padStart(8, "0")).join("");
}
