import { createHash } from "node:crypto";
import { type Prompt, TOKEN_BYTES, textPrompt } from "../tokens.ts";
import type { Json } from "./dialect.ts";
import { isObject } from "./fields.ts";

/** What an image takes of a prompt, whatever its size. */
const IMAGE_TOKENS = 256;

/**
 * The prompt that a model would read, in the manner of a ChatML template: tools first, then each
 * message between its markers, then the marker after which the assistant speaks. The last one makes
 * the prompt of a conversation's next turn continue the bytes of this turn's prompt and answer.
 */
export function renderChat(tools: unknown, messages: readonly unknown[]): Prompt {
  let text = "";
  if (Array.isArray(tools) && tools.length > 0) {
    text += message("system", `# Tools\n${tools.map((tool) => JSON.stringify(tool)).join("\n")}`);
  }
  for (const item of messages) text += isObject(item) ? renderMessage(item) : "";
  return textPrompt(`${text}<|im_start|>assistant\n`);
}

function renderMessage(item: Json): string {
  const role = typeof item.role === "string" ? item.role : String(item.type ?? "user");
  let content = renderContent(item.content ?? item.output ?? item.arguments);
  if (item.tool_calls) content += JSON.stringify(item.tool_calls);
  return message(role, content);
}

function message(role: string, content: string): string {
  return `<|im_start|>${role}\n${content}<|im_end|>\n`;
}

export function renderContent(content: unknown): string {
  if (content === undefined || content === null) return "";
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map(renderPart).join("") : JSON.stringify(content);
}

function renderPart(part: unknown): string {
  if (!isObject(part)) return String(part);
  if (typeof part.text === "string") return part.text;
  const image = part.image_url ?? part.source;
  if (image !== undefined) return renderImage(isObject(image) ? image : { url: image });
  if (part.type === "tool_result") return renderContent(part.content);
  return JSON.stringify(part);
}

/** Placeholder tokens that depend on the image's bytes or URL, and on nothing else. */
function renderImage(image: Json): string {
  const hash = createHash("sha256")
    .update(String(image.url ?? image.data))
    .digest("hex");
  return hash.repeat(Math.ceil((IMAGE_TOKENS * TOKEN_BYTES) / hash.length));
}
