import { expect, test } from "vitest";
import { renderChat } from "../../simulator/api/render.ts";
import { blockKeys } from "../../simulator/block-keys.ts";
import { idsPrompt, outputToken, textPrompt } from "../../simulator/tokens.ts";

const text = "All of this sentence is part of one prompt. ".repeat(20);
const keysOf = (prompt: string, seed = "") => blockKeys(textPrompt(prompt), seed, 16).keys;

test("prompts share exactly the keys of the whole blocks they have in common", () => {
  const changed = `${text.slice(0, 200)}X${text.slice(201)}`;
  const shared = keysOf(text).filter((key, block) => key === keysOf(changed)[block]);
  expect(shared.length).toBe(Math.floor(200 / 64));
  expect(keysOf(text).length).toBe(Math.floor(text.length / 64));
});

test("another adapter or cache salt shares no key", () => {
  const base = new Set(keysOf(text, "a"));
  expect(keysOf(text, "b").filter((key) => base.has(key))).toEqual([]);
});

test("keys of a hundred thousand different blocks do not collide", () => {
  const ids = Array.from({ length: 1_600_000 }, (_, i) => i % 50_000);
  const { keys } = blockKeys(idsPrompt(ids), "", 16);
  expect(new Set(keys).size).toBe(100_000);
});

test("token ids count themselves and text counts four bytes a token", () => {
  expect(idsPrompt([5, 6, 7]).tokenCount).toBe(3);
  expect(textPrompt("12345").tokenCount).toBe(2);
  expect(textPrompt("ééé").tokenCount).toBe(2);
});

test("the blocks of an answer are those of the next turn's prompt", () => {
  const user = { role: "user", content: "Tell me of the sea. ".repeat(9) };
  const first = renderChat(undefined, [user]);
  const blocks = blockKeys(first, "", 16);
  const made = 60;
  const words = Array.from({ length: made }, (_, i) => outputToken(blocks.fingerprint, i).text);
  const assistant = { role: "assistant", content: words.join("") };
  const second = renderChat(undefined, [user, assistant, { role: "user", content: "Go on." }]);
  const afterFirst = [...blocks.keys, ...blocks.following(first.tokenCount + made - 1)];
  expect(afterFirst.length).toBe(Math.floor((first.tokenCount + made - 1) / 16));
  expect(blockKeys(second, "", 16).keys.slice(0, afterFirst.length)).toEqual(afterFirst);
});

test("a prompt of token ids continues in the ids of its answer", () => {
  const prompt = idsPrompt([1, 2, 3, 4, 5]);
  const blocks = blockKeys(prompt, "", 16);
  const ids = Array.from({ length: 40 }, (_, i) => outputToken(blocks.fingerprint, i).id);
  const next = blockKeys(idsPrompt([1, 2, 3, 4, 5, ...ids]), "", 16);
  expect(blocks.following(44)).toEqual(next.keys.slice(0, 2));
});
