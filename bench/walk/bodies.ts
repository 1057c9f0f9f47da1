// Request bodies of the kinds that gateways see.

export interface WalkBody {
  name: string;
  body: Buffer;
}

const PROSE = "The quick brown fox jumps over the lazy dog and looks back at it. ";
/** JSON needs an escape for each line's end, tab and quotation mark: one byte in eight here. */
const CODE = `\tif (name === "fox") {\n\t\treturn \`\${path}\\n\`; // the "quick" one\n\t}\n`;

export function walkBodies(): WalkBody[] {
  return [
    { name: "plain ASCII, 100 KB", body: chat(102_400, PROSE) },
    { name: "code with many escapes, 100 KB", body: chat(102_400, CODE) },
    { name: "chat of ten messages, 1 KB", body: conversation(1024) },
    { name: "plain ASCII, 1 MB", body: chat(1024 * 1024, PROSE) },
  ];
}

function chat(bytes: number, text: string): Buffer {
  const escapedBytes = JSON.stringify(text).length - 2;
  const content = text.repeat(Math.floor(bytes / escapedBytes));
  return bodyOf([{ role: "user", content }]);
}

function conversation(bytes: number): Buffer {
  const content = PROSE.slice(0, bytes / 10 - 38);
  return bodyOf(
    Array.from({ length: 10 }, (_, at) => ({ role: at % 2 === 0 ? "user" : "assistant", content })),
  );
}

function bodyOf(messages: { role: string; content: string }[]): Buffer {
  return Buffer.from(JSON.stringify({ model: "m", max_tokens: 100, messages }));
}
