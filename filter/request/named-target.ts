// The model that a header names for a request, as upstream's endpoint picker has it: a route may set it.
import { REWRITE_NAME_BYTES_MAX } from "../../protocol/limits.ts";
import {
  nameAt,
  nameBytes,
  nextHeader,
  REQUEST_HEADERS,
  readHeaders,
  valueAt,
  valueBytes,
} from "../host/headers.ts";
import { equals, Text } from "../host/memory.ts";
import { TextHash } from "../json/text-hash.ts";
import { TextBuffer } from "../text-buffer.ts";

const NAME = new Text("x-llm-d-model-name-rewrite");
/** The older name; the newer one wins. */
const OLD_NAME = new Text("x-gateway-model-name-rewrite");

const QUOTE: u8 = 0x22;
const BACKSLASH: u8 = 0x5c;

/** Whether the header just visited names a model. */
export function namesModel(): bool {
  return equals(nameAt, nameBytes, NAME) || equals(nameAt, nameBytes, OLD_NAME);
}

export class NamedTarget {
  /** The protocol's hashBytes of the name. */
  hash: u64 = 0;
  private readonly name: TextHash = new TextHash();
  /** The name as a JSON string. */
  private readonly text: TextBuffer = new TextBuffer(REWRITE_NAME_BYTES_MAX);

  get at(): usize {
    return this.text.at;
  }

  get bytes(): u32 {
    return this.text.bytes;
  }

  /** Reads the request's headers; false where none names a model, or a name of other than ASCII. */
  read(): bool {
    this.text.clear();
    let isNew = false;
    readHeaders(REQUEST_HEADERS);
    while (nextHeader()) {
      if (equals(nameAt, nameBytes, NAME)) isNew = true;
      else if (isNew || !equals(nameAt, nameBytes, OLD_NAME)) continue;
      this.take(valueAt, valueBytes);
    }
    return this.text.bytes > 0;
  }

  private take(at: usize, bytes: u32): void {
    this.text.clear();
    if (bytes === 0 || bytes > (REWRITE_NAME_BYTES_MAX - 2) / 2) return;
    this.text.addByte(QUOTE);
    for (let i: u32 = 0; i < bytes; i++) {
      const byte = load<u8>(at + i);
      if (byte < 0x20 || byte > 0x7e) {
        this.text.clear();
        return;
      }
      if (byte === QUOTE || byte === BACKSLASH) this.text.addByte(BACKSLASH);
      this.text.addByte(byte);
    }
    this.text.addByte(QUOTE);
    this.name.begin();
    this.name.add(at, bytes);
    this.hash = this.name.stripes();
  }
}
