// Bytes for prompts of which a trace tells only lengths and which blocks they share.

/** A prompt as a trace tells it. */
export interface TracedPrompt {
  id: number;
  tokens: number;
  /** Hex names of the prompt's whole blocks; equal names are equal text. */
  blocks: readonly string[];
  blockTokens: number;
  model: string;
  /** Asked for, and told at the end with how many prompt tokens were cached. */
  outputTokens?: number;
}

const TEXT_BEGINS = '"messages":[{"role":"user","content":"';
const AFTER = Buffer.from('"}]}');

/**
 * The body of a chat request with `bytesPerToken` bytes of text a token. A block's text is its name
 * over and over; what is behind the last whole block is nobody else's.
 */
export function chatBodyOf(prompt: TracedPrompt, bytesPerToken: number): Buffer {
  const blockBytes = Math.round(prompt.blockTokens * bytesPerToken);
  const textBytes = Math.max(1, Math.round(prompt.tokens * bytesPerToken));
  const before = `{"model":"${prompt.model}","stream":true,${askedOf(prompt)}${TEXT_BEGINS}`;
  const body = Buffer.allocUnsafe(before.length + textBytes + AFTER.length);
  const end = before.length + textBytes;
  body.write(before, "latin1");
  AFTER.copy(body, end);
  let at = before.length;
  for (const block of prompt.blocks) {
    const next = Math.min(end, at + blockBytes);
    body.fill(block, at, next, "latin1");
    at = next;
  }
  body.fill(`own ${prompt.id} `, at, end, "latin1");
  return body;
}

function askedOf({ outputTokens }: TracedPrompt): string {
  if (outputTokens === undefined) return "";
  return `"stream_options":{"include_usage":true},"max_tokens":${outputTokens},`;
}
