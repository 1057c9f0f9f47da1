// The token counts of a response, read as it passes: each byte once, none held. A count that a
// response tells again, as each chunk of a stream may, replaces what it told before.
import { NO_COUNT } from "../../protocol/records.ts";
import { ResponseEdits } from "./response-edits.ts";
import { STRETCH_DATA, STRETCH_END, UsageEvents } from "./usage-events.ts";
import { UsageReader } from "./usage-reader.ts";

const DONE: string = "[DONE]";
const SPACE: u8 = 0x20;

export class Usage {
  /** NO_COUNT while not told. Cached and newly cached tokens are part of it. */
  promptTokens: u32 = NO_COUNT;
  cachedTokens: u32 = NO_COUNT;
  completionTokens: u32 = NO_COUNT;
  /** The JSON has ended, or the event that ends a stream was seen. */
  complete: bool = false;

  private isEventStream: bool = false;
  private readonly events: UsageEvents = new UsageEvents();
  private readonly reader: UsageReader = new UsageReader();
  /** Bytes of the event's data that are those of DONE; above its length: it is something else. */
  private doneBytes: u32 = 0;

  /** `edits` is told where values stand that it replaces. */
  begin(eventStream: bool, edits: ResponseEdits | null): void {
    this.promptTokens = NO_COUNT;
    this.cachedTokens = NO_COUNT;
    this.completionTokens = NO_COUNT;
    this.complete = false;
    this.isEventStream = eventStream;
    this.doneBytes = 0;
    this.events.begin();
    this.reader.begin();
    this.reader.edits = edits;
  }

  /** Reads the next bytes of the body, cut anywhere. */
  read(source: usize, bytes: u32): void {
    if (this.isEventStream) {
      this.readEvents(source, source + bytes);
      if (this.reader.sawLast) this.complete = true;
    } else {
      this.reader.read(source, bytes);
      this.complete = this.reader.tokens.hasEnded();
    }
    this.tell();
  }

  private readEvents(at: usize, end: usize): void {
    while (at < end) {
      const stretch = this.events.next(at, end);
      if (stretch === STRETCH_DATA) {
        this.readData(this.events.start, this.events.bytes);
      } else if (stretch === STRETCH_END) {
        this.reader.beginText();
        this.doneBytes = 0;
      }
      at = this.events.start + this.events.bytes;
    }
  }

  private readData(source: usize, bytes: u32): void {
    this.reader.read(source, bytes);
    for (let at: u32 = 0; at < bytes && this.doneBytes <= (DONE.length as u32); at++) {
      this.readDoneByte(load<u8>(source + at));
    }
  }

  private readDoneByte(byte: u8): void {
    const seen = this.doneBytes;
    if (seen === 0 && byte === SPACE) return;
    if (seen === (DONE.length as u32)) {
      this.doneBytes++;
    } else if (byte !== (DONE.charCodeAt(seen) as u8)) {
      this.doneBytes = DONE.length + 1;
    } else if (++this.doneBytes === (DONE.length as u32)) {
      this.complete = true;
    }
  }

  private tell(): void {
    const reader = this.reader;
    this.completionTokens = reader.completionCount;
    this.cachedTokens = reader.cachedCount;
    if (reader.cachedCount === NO_COUNT) this.cachedTokens = reader.cacheReadCount;
    this.promptTokens = reader.promptCount;
    if (reader.promptCount === NO_COUNT) return;
    if (reader.cacheReadCount !== NO_COUNT) this.promptTokens += reader.cacheReadCount;
    if (reader.cacheCreationCount !== NO_COUNT) this.promptTokens += reader.cacheCreationCount;
  }
}
