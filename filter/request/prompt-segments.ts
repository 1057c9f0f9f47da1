// The segments of a prompt and their keys, in whatever order the body has them:
//
//   seed       model, cache salt
//   tools      one key, if there are any:      tools key = combine(seed, tools)
//   system     its blocks', then one for all:  combine(raw, tools key); combine(tools key, system)
//   messages   their blocks':                  combine(raw, system key)
//
// (A segment that is absent passes on the key before it.) Raw keys do not depend on the segments
// before, so one pass finds them all, and `finish` puts them in order.
import { bytesOfBlocks } from "../../protocol/keys.ts";
import { combine } from "../json/text-hash.ts";
import { KeyList } from "./keys.ts";
import { TextBlocks } from "./keys-text.ts";

class Segment {
  /** Its keys in the list. */
  start: u32 = 1;
  count: u32 = 0;
  bytes: u32 = 0;
  digest: u64 = 0;
  /** The walk's limit fell into it or before it, or there is no room for its keys. */
  isCut: bool = false;

  begin(): void {
    this.start = 1;
    this.count = 0;
    this.bytes = 0;
    this.digest = 0;
    this.isCut = false;
  }

  end(): u32 {
    return this.start + this.count;
  }
}

export class Segments {
  readonly keys: KeyList = new KeyList();
  readonly text: TextBlocks = new TextBlocks(this.keys);
  private readonly system: Segment = new Segment();
  private readonly messages: Segment = new Segment();
  private hasTools: bool = false;
  private toolsBytes: u32 = 0;
  private blockBytes: u32 = 0;

  begin(blockBytes: u32): void {
    this.keys.begin();
    this.text.begin(blockBytes);
    this.system.begin();
    this.messages.begin();
    this.hasTools = false;
    this.toolsBytes = 0;
    this.blockBytes = blockBytes;
  }

  dropSystem(): void {
    this.drop(this.system, this.messages);
  }

  dropMessages(): void {
    this.drop(this.messages, this.system);
  }

  private drop(segment: Segment, other: Segment): void {
    if (segment.count !== 0) this.keys.drop(segment.start, segment.count);
    if (other.start > segment.start) other.start -= segment.count;
    segment.begin();
  }

  endSystem(): void {
    this.end(this.system);
    if (this.system.bytes === 0 || this.system.isCut) return;
    if (!this.keys.hasRoom()) {
      this.system.isCut = true;
      return;
    }
    // The place of the key for all of it.
    this.keys.push(0);
    this.system.count++;
  }

  endMessages(): void {
    this.end(this.messages);
  }

  private end(segment: Segment): void {
    segment.start = this.text.keysStart;
    segment.count = this.keys.count - segment.start;
    segment.bytes = this.text.segmentBytes();
    segment.digest = this.text.digest;
    segment.isCut = !this.text.isHashing && segment.bytes !== 0;
  }

  setTools(bytes: u32): void {
    this.hasTools = true;
    this.toolsBytes = bytes;
  }

  /** Orders the keys and makes them final. `tools` counts only after `setTools`. */
  finish(seed: u64, tools: u64): void {
    const system = this.system;
    const messages = this.messages;
    if (messages.count !== 0 && system.count !== 0 && messages.start < system.start) {
      this.keys.rotate(messages.start, system.start);
      system.start = messages.start;
      messages.start = system.end();
    }
    // Where not all of the system text was hashed, what follows it is not known.
    if (system.isCut) messages.count = 0;
    const toolsKey = this.hasTools ? combine(seed, tools) : seed;
    this.keys.set(0, toolsKey);
    this.keys.combineFrom(system.start, system.count, toolsKey);
    let systemKey = toolsKey;
    if (this.hasSystemKey()) {
      systemKey = combine(toolsKey, system.digest);
      this.keys.set(system.end() - 1, systemKey);
    }
    this.keys.combineFrom(messages.start, messages.count, systemKey);
  }

  private hasSystemKey(): bool {
    return this.system.bytes !== 0 && !this.system.isCut;
  }

  count(): u32 {
    return this.system.count + this.messages.count + (this.hasTools ? 1 : 0);
  }

  start(): usize {
    return this.keys.at(this.hasTools ? 0 : 1);
  }

  /** Bytes of the prompt. */
  bytes(): u32 {
    return this.toolsBytes + this.system.bytes + this.messages.bytes;
  }

  /** Prompt bytes covered by the first `keys` keys. */
  coveredBytes(keys: u32): u32 {
    if (keys === 0) return 0;
    const own = this.hasTools ? keys - 1 : keys;
    const system = this.system;
    if (own === system.count && this.hasSystemKey()) return this.toolsBytes + system.bytes;
    if (own <= system.count) return this.toolsBytes + bytesOfBlocks(own, this.blockBytes);
    const blocks = own - system.count;
    return this.toolsBytes + system.bytes + bytesOfBlocks(blocks, this.blockBytes);
  }
}
