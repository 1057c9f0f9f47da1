// What a request body says beside its prompt. The last member of a name counts.
import { LITERAL_TRUE } from "../json/handler.ts";
import { TextHash } from "../json/text-hash.ts";
import {
  TO_MAX_COMPLETION_TOKENS,
  TO_MAX_TOKENS,
  TO_MODEL,
  TO_SALT,
  TO_STREAM,
  TO_THRESHOLD,
  TO_USAGE,
} from "./prompt-names.ts";

export class PromptSettings {
  /** The protocol's hashBytes of the unescaped name. */
  model: u64 = 0;
  hasModel: bool = false;
  /** Offsets in the body: of the name's first quote, and behind its last one. */
  modelStart: u32 = 0;
  modelEnd: u32 = 0;
  /** The protocol's hashBytes of `cache_salt`; zero if there is none. */
  salt: u64 = 0;
  stream: bool = false;
  /** A streamed answer is to tell its token counts. */
  asksUsage: bool = false;
  /** It may say how much of its prompt decode must hold. */
  namesThreshold: bool = false;
  /** Zero if not told. */
  maxTokens: u32 = 0;
  private hasMaxCompletionTokens: bool = false;

  begin(): void {
    this.model = 0;
    this.hasModel = false;
    this.modelStart = 0;
    this.modelEnd = 0;
    this.salt = 0;
    this.stream = false;
    this.asksUsage = false;
    this.namesThreshold = false;
    this.maxTokens = 0;
    this.hasMaxCompletionTokens = false;
  }

  /** A member begins: what an earlier one of its name said is void. */
  forget(destination: u32): void {
    if (destination === TO_MODEL) {
      this.model = 0;
      this.hasModel = false;
    } else if (destination === TO_SALT) {
      this.salt = 0;
    } else if (destination === TO_STREAM) {
      this.stream = false;
    } else if (destination === TO_USAGE) {
      this.asksUsage = false;
    } else if (destination === TO_THRESHOLD) {
      this.namesThreshold = true;
    }
  }

  takeText(destination: u32, text: TextHash): void {
    if (destination === TO_MODEL) {
      this.model = text.stripes();
      this.hasModel = true;
    } else if (destination === TO_SALT) {
      this.salt = text.stripes();
    }
  }

  takeNumber(destination: u32, value: u32): void {
    if (destination === TO_MAX_COMPLETION_TOKENS) {
      this.hasMaxCompletionTokens = true;
      this.maxTokens = value;
    } else if (destination === TO_MAX_TOKENS && !this.hasMaxCompletionTokens) {
      this.maxTokens = value;
    }
  }

  takeLiteral(destination: u32, kind: u32): void {
    if (destination === TO_STREAM) this.stream = kind === LITERAL_TRUE;
    else if (destination === TO_USAGE) this.asksUsage = kind === LITERAL_TRUE;
  }
}
