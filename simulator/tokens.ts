/**
 * What stands in for a tokenizer: a token is four bytes of the rendered prompt, a token id is itself.
 * Generated tokens are four bytes too, so that an answer which comes back in the next turn's prompt
 * falls on the bytes, and so on the cached blocks, it was generated in.
 */
export const TOKEN_BYTES = 4;

/** A prompt as bytes, four a token; `ids` prompts hold each token id as a little-endian word. */
export interface Prompt {
  kind: "text" | "ids";
  bytes: Uint8Array;
  tokenCount: number;
}

export interface OutputToken {
  text: string;
  id: number;
}

const FIRST_WORDS = ["Blue", "Calm", "Deep", "Fair", "Gold", "High", "Just", "Kind"];
const WORDS = [
  ...["the", "sun", "sea", "and", "sky", "old", "new", "day", "way", "man", "run", "see", "air"],
  ...["one", "two", "ten", "ice", "oak", "elm", "owl", "fox", "bee", "ant", "cat", "dog", "hen"],
  ...["red", "tea", "jam", "map", "key", "box"],
];
/** Ids of generated tokens start here, well inside any vocabulary. */
const OUTPUT_ID_FIRST = 1000;

export function textPrompt(text: string): Prompt {
  const length = Buffer.byteLength(text);
  const bytes = Buffer.allocUnsafeSlow(length);
  bytes.write(text);
  return { kind: "text", bytes, tokenCount: Math.max(1, Math.ceil(length / TOKEN_BYTES)) };
}

export function idsPrompt(ids: readonly number[]): Prompt {
  const bytes = new Uint8Array(Uint32Array.from(ids).buffer);
  return { kind: "ids", bytes, tokenCount: Math.max(1, ids.length) };
}

/** The `position`-th token that the model generates after a prompt with this fingerprint. */
export function outputToken(fingerprint: number, position: number): OutputToken {
  const draw = (fingerprint % 4096) + position * 7 + Math.floor(position / WORDS.length);
  if (position === 0) {
    const word = draw % FIRST_WORDS.length;
    return { text: FIRST_WORDS[word] as string, id: OUTPUT_ID_FIRST + word };
  }
  const word = draw % WORDS.length;
  return { text: ` ${WORDS[word]}`, id: OUTPUT_ID_FIRST + FIRST_WORDS.length + word };
}

/** The bytes that generated tokens add to a sequence whose prompt is of this kind. */
export function outputBytes(kind: Prompt["kind"], fingerprint: number, count: number): Uint8Array {
  const tokens = Array.from({ length: count }, (_, position) => outputToken(fingerprint, position));
  return kind === "ids"
    ? idsPrompt(tokens.map((token) => token.id)).bytes
    : textPrompt(tokens.map((token) => token.text).join("")).bytes;
}
