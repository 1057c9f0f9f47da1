import type { API } from "./prompt-probe.ts";

const SENTENCE = "It was the best of times, it was the worst of times, it was the age of wisdom. ";

export interface GoldenBody {
  api: keyof typeof API;
  blockBytes: number;
  body: string;
}

function golden(api: keyof typeof API, body: unknown, blockBytes = 256): GoldenBody {
  return { api, blockBytes, body: typeof body === "string" ? body : JSON.stringify(body) };
}

const chat = {
  model: "meta-llama/Llama-3.1-8B-Instruct",
  messages: [
    { role: "system", content: SENTENCE.repeat(4) },
    { role: "user", content: SENTENCE.repeat(7) },
  ],
};
const tools = [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: SENTENCE,
      parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
    },
  },
];
const call = {
  id: "call_1",
  type: "function",
  function: { name: "get_weather", arguments: '{"city":"Paris"}' },
};

/** Bodies of which the keys are published, by what each shows. */
export const goldenBodies: Record<string, GoldenBody> = {
  "chat with strings": golden("chat", chat),
  "the same, spelled otherwise": golden(
    "chat",
    `{ "messages" : [ {"content":[{"text":${JSON.stringify(SENTENCE.repeat(4))},"type":"text"}],"role":"syste\\u006d"},
      {"role":"user", "content":${JSON.stringify(SENTENCE.repeat(7))}} ], "temperature":0.5, "model":"meta-llama\\/Llama-3.1-8B-Instruct" }`,
  ),
  "another block size": golden("chat", chat, 512),
  "with a cache salt": golden("chat", { ...chat, cache_salt: "tenant-1" }),
  "with tools, a call and its answer": golden("chat", {
    ...chat,
    tools,
    messages: [
      ...chat.messages,
      { role: "assistant", content: null, tool_calls: [call] },
      { role: "tool", tool_call_id: "call_1", content: "18 °C" },
      { role: "user", content: SENTENCE.repeat(4) },
    ],
  }),
  "with an image between texts": golden("chat", {
    ...chat,
    messages: [
      {
        role: "user",
        content: [
          { type: "text", text: SENTENCE },
          { type: "image_url", image_url: { url: "https://example.com/cat.png" } },
          { type: "text", text: SENTENCE.repeat(4) },
        ],
      },
    ],
  }),
  "escapes and scripts": golden(
    "chat",
    `{"model":"m","messages":[{"role":"user","content":"${"\\u00e9\\ud83d\\ude00\\n\\/é😀 \\ud83d ".repeat(20)}"}]}`,
  ),
  "completion of a text": golden("completions", { model: "m", prompt: SENTENCE.repeat(7) }),
  "completion of a text with coarse blocks": golden("completions", {
    model: "m",
    prompt: SENTENCE.repeat(64),
  }),
  "completion of two texts": golden("completions", {
    model: "m",
    prompt: [SENTENCE.repeat(4), SENTENCE.repeat(4)],
  }),
  "completion of token ids": golden("completions", {
    model: "m",
    prompt: Array.from({ length: 130 }, (_, index) => (index * 7919) % 128000),
  }),
  "Anthropic messages": golden("messages", {
    model: "m",
    max_tokens: 1024,
    system: [{ type: "text", text: SENTENCE.repeat(4), cache_control: { type: "ephemeral" } }],
    tools,
    messages: [{ role: "user", content: SENTENCE.repeat(7) }],
  }),
  responses: golden("responses", {
    model: "m",
    instructions: SENTENCE.repeat(2),
    input: [
      { role: "user", content: [{ type: "input_text", text: SENTENCE.repeat(4) }] },
      { type: "function_call_output", call_id: "call_1", output: SENTENCE.repeat(4) },
    ],
  }),
  embeddings: golden("embeddings", { model: "m", input: [SENTENCE.repeat(4), SENTENCE] }),
  "vLLM generate": golden("vllmGenerate", {
    model: "m",
    token_ids: Array.from({ length: 70 }, (_, index) => index),
    sampling_params: { max_tokens: 16 },
  }),
  "SGLang generate": golden("sglangGenerate", {
    text: SENTENCE.repeat(4),
    image_data: ["https://example.com/cat.png"],
  }),
};

/** Texts of which the hash is published. */
export const goldenTexts = ["", "a", "x".repeat(64), SENTENCE, "é😀"];
