/** How tests write headers: an object, or pairs where a name occurs more than once. */
export type HeaderInit = Readonly<Record<string, string>> | readonly (readonly [string, string])[];

/** Limits of the host on what a filter hands over as pairs (proxy-wasm-cpp-host, limits.h). */
const PAIRS_BYTES_MAX = 1024 * 1024;
const PAIRS_COUNT_MAX = 1024;

/** Headers or trailers in order; names are lower case, a name may occur more than once. */
export class HeaderMap {
  readonly #names: string[] = [];
  readonly #values: string[] = [];

  constructor(init: HeaderInit = []) {
    for (const [name, value] of Array.isArray(init) ? init : Object.entries(init)) {
      this.add(name, value);
    }
  }

  get count(): number {
    return this.#names.length;
  }

  /** Bytes of all names and values. */
  get bytes(): number {
    let bytes = 0;
    for (let at = 0; at < this.#names.length; at++) {
      bytes += Buffer.byteLength(this.#names[at]!) + Buffer.byteLength(this.#values[at]!);
    }
    return bytes;
  }

  /** The first value of a name, which is all that Envoy gives a filter. */
  get(name: string): string | undefined {
    const at = this.#names.indexOf(name.toLowerCase());
    return at < 0 ? undefined : this.#values[at];
  }

  has(name: string): boolean {
    return this.#names.includes(name.toLowerCase());
  }

  add(name: string, value: string): void {
    this.#names.push(name.toLowerCase());
    this.#values.push(value);
  }

  /** Puts one value in the place of every value of a name. */
  replace(name: string, value: string): void {
    this.remove(name);
    this.add(name, value);
  }

  remove(name: string): void {
    const lower = name.toLowerCase();
    for (let at = this.#names.length - 1; at >= 0; at--) {
      if (this.#names[at] === lower) {
        this.#names.splice(at, 1);
        this.#values.splice(at, 1);
      }
    }
  }

  clear(): void {
    this.#names.length = 0;
    this.#values.length = 0;
  }

  copy(): HeaderMap {
    return new HeaderMap(this.pairs());
  }

  pairs(): [string, string][] {
    return this.#names.map((name, at) => [name, this.#values[at]!]);
  }

  /** The first value of each name: what a test compares with. */
  toObject(): Record<string, string> {
    return Object.fromEntries(this.pairs().reverse());
  }
}

/**
 * Pairs as the ABI carries them, little endian:
 *
 *   u32 count | count × (u32 name bytes, u32 value bytes) | count × (name, 0, value, 0)
 */
export function encodePairs(pairs: readonly (readonly [string, string])[]): Uint8Array {
  if (pairs.length === 0) {
    return new Uint8Array(0);
  }
  let bytes = 4;
  for (const [name, value] of pairs) {
    bytes += 8 + Buffer.byteLength(name) + 1 + Buffer.byteLength(value) + 1;
  }
  const encoded = Buffer.alloc(bytes);
  encoded.writeUInt32LE(pairs.length, 0);
  let sizeAt = 4;
  let textAt = 4 + pairs.length * 8;
  for (const text of pairs.flat()) {
    const written = encoded.write(text, textAt);
    encoded.writeUInt32LE(written, sizeAt);
    sizeAt += 4;
    textAt += written + 1;
  }
  return encoded;
}

/** The pairs in what a filter handed over, or why Envoy would read none from it. */
export function decodePairs(encoded: Uint8Array): [string, string][] | { readonly why: string } {
  if (encoded.length === 0) {
    return [];
  }
  if (encoded.length > PAIRS_BYTES_MAX) {
    return { why: `${encoded.length} bytes of pairs are over the host's ${PAIRS_BYTES_MAX}` };
  }
  const bytes = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const count = bytes.length < 4 ? -1 : bytes.readUInt32LE(0);
  if (count < 0 || count > PAIRS_COUNT_MAX || 4 + count * 8 > bytes.length) {
    return { why: `a count of ${count} pairs does not fit ${bytes.length} bytes or the limit` };
  }
  const texts: string[] = [];
  let at = 4 + count * 8;
  for (let text = 0; text < count * 2; text++) {
    const end = at + bytes.readUInt32LE(4 + text * 4);
    if (end >= bytes.length || bytes[end] !== 0) {
      return { why: `the text at byte ${at} does not end with a zero inside the pairs` };
    }
    texts.push(bytes.toString("utf8", at, end));
    at = end + 1;
  }
  if (at !== bytes.length) {
    return { why: `${bytes.length - at} bytes follow the last pair` };
  }
  return Array.from({ length: count }, (_, pair) => [texts[pair * 2]!, texts[pair * 2 + 1]!]);
}
