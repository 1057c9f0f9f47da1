// The bearer tokens that are accepted. There may be several, so that a token is replaced without an
// interruption: write the new one beside the old, let every gateway take it, remove the old one.
import { createHash, timingSafeEqual } from "node:crypto";
import { tokenFileInvalid } from "../errors.ts";

const TOKENS_MAX = 16;
/** Visible ASCII: what a header carries unchanged. */
const TOKEN = /^[\x21-\x7e]+$/;

/** Reads a token a line; empty lines are passed over. Throws TOKEN_FILE_INVALID, without the text. */
export function parseTokenFile(text: string, source: string): string[] {
  const lines = text.split("\n").map((line) => line.trim());
  const tokens = lines.filter((line) => line !== "");
  if (tokens.length === 0) throw tokenFileInvalid(source, "the file is empty; write a token in it");
  if (tokens.length > TOKENS_MAX) {
    throw tokenFileInvalid(
      source,
      `it holds ${tokens.length} tokens; at most ${TOKENS_MAX} may be`,
    );
  }
  const odd = lines.findIndex((line) => line !== "" && !TOKEN.test(line));
  if (odd !== -1) {
    throw tokenFileInvalid(`${source}:${odd + 1}`, "a token is letters, digits and signs of ASCII");
  }
  return tokens;
}

export class Tokens {
  #digests: Buffer[] = [];

  /** From here on these are accepted and no others. */
  replace(tokens: readonly string[]): void {
    this.#digests = tokens.map((token) => digest(`Bearer ${token}`));
  }

  /** The place, from 1, of the one that an `authorization` header shows; 0 for none of them. */
  placeOf(header: string): number {
    const given = digest(header);
    // Digests are equally long, comparing them takes equally long, and all are compared.
    const same = this.#digests.map((expected) => timingSafeEqual(given, expected));
    return 1 + same.indexOf(true);
  }
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
