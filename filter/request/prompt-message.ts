// The message that is being read, as its text reaches the blocks: its content from the beginning,
// the parts of it, token ids. Whoever calls knows where in the JSON a piece stands.
import { TextBlocks } from "./keys-text.ts";

/** Between the texts of two parts. */
const NEWLINE: usize = newline();

function newline(): usize {
  const text = heap.alloc(1);
  store<u8>(text, 0x0a);
  return text;
}

export class PromptMessage {
  role: u64 = 0;
  private textParts: u32 = 0;
  /** Token ids stand in the list of messages itself: a run of them is one message. */
  private isIdRun: bool = false;
  private readonly text: TextBlocks;

  constructor(text: TextBlocks) {
    this.text = text;
  }

  /** Begins a segment, and the first message of it. */
  beginSegment(): void {
    this.text.beginSegment();
    this.forget();
  }

  begin(): void {
    this.endIdRun();
    this.text.beginMessage();
    this.forget();
  }

  private forget(): void {
    this.role = 0;
    this.textParts = 0;
    this.isIdRun = false;
  }

  /** Its content begins, for the first time or again. */
  beginContent(): void {
    this.text.resetMessage();
    this.textParts = 0;
  }

  /** The text of a part begins. */
  beginText(): void {
    if (this.textParts !== 0) this.text.add(NEWLINE, 1);
    this.textParts++;
  }

  /** The text of a part begins, which may begin again or turn out not to be a text. */
  beginTextToKeep(): void {
    this.text.save();
    this.beginText();
  }

  forgetKeptText(): void {
    this.text.restore();
    this.textParts--;
  }

  addId(id: u32): void {
    this.text.addWord(id);
  }

  /** A token id in the list of messages. */
  addIdOfRun(id: u32): void {
    if (!this.isIdRun) this.begin();
    this.isIdRun = true;
    this.addId(id);
  }

  endIdRun(): void {
    if (this.isIdRun) this.text.endMessage(0, 0, 0);
    this.isIdRun = false;
  }

  /** Something that is not text stands between the texts. */
  put(hash: u64, weightBytes: u32): void {
    this.text.put(hash, weightBytes);
  }

  /** Ends the message. `rest`: hash of what else it holds, or zero. */
  end(rest: u64, restBytes: u32): void {
    this.text.endMessage(this.role, rest, restBytes);
  }
}
