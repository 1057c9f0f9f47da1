// The request that a user is shown: its prompt is long enough to have keys, so that routing shows.

import { join } from "node:path";
import { writePrivate } from "./state.ts";

/** Of about 60 bytes each: together several blocks of 1 KB. */
const RULES = 60;

/** A transparent point, so that the request needs nothing from elsewhere. */
const IMAGE =
  "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==";

/** Writes the request's body for the model to the state folder; returns the file's path. */
export function writeExample(stateDir: string, model: string, hasImage: boolean): string {
  const rules = Array.from(
    { length: RULES },
    (_, at) => `Rule ${at + 1}: answer question ${at + 1} of a reader in plain words.`,
  );
  const messages = [
    { role: "system", content: `You keep a library.\n${rules.join("\n")}` },
    { role: "user", content: hasImage ? withImage("What is this?") : "Hello" },
  ];
  const path = join(stateDir, "example.json");
  writePrivate(path, `${JSON.stringify({ model, messages, max_tokens: 16 })}\n`);
  return path;
}

function withImage(text: string): object[] {
  return [
    { type: "text", text },
    { type: "image_url", image_url: { url: IMAGE } },
  ];
}
