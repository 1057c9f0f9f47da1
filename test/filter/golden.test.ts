import { expect, test } from "vitest";
import { goldenBodies, goldenTexts } from "./golden-bodies.ts";
import { API, hex, PromptProbe } from "./prompt-probe.ts";
import { combine, stripeHash } from "./reference-hash.ts";
import { type JsonObject, referencePrompt } from "./reference-prompt.ts";

/** Published for whoever computes keys elsewhere. `npx vitest run golden -u` writes it anew. */
const GOLDEN = "../../protocol/golden/keys.json";

const probe = new PromptProbe();

test("the published hashes and keys are those of the filter", async () => {
  const hashes = goldenTexts.map((text) => {
    const { low, high } = stripeHash(text);
    return [text, hex(low, high)];
  });
  const combined = combine({ low: 1, high: 2 }, { low: 3, high: 4 });
  const prompts = Object.entries(goldenBodies).map(([name, golden]) => {
    const { keys, coveredBytes } = probe.read(golden.body, { ...golden, api: API[golden.api] });
    return [name, { ...golden, keys: keys.join(" "), coveredBytes: coveredBytes.join(" ") }];
  });
  const published = {
    hashBytes: Object.fromEntries(hashes),
    "combine(0000000200000001, 0000000400000003)": hex(combined.low, combined.high),
    prompts: Object.fromEntries(prompts),
  };
  await expect(`${JSON.stringify(published, null, 2)}\n`).toMatchFileSnapshot(GOLDEN);
});

test.each(Object.entries(goldenBodies))(
  "the published keys of %s are the reference's",
  (_, golden) => {
    const { body, blockBytes } = golden;
    const api = API[golden.api];
    const reference = referencePrompt(JSON.parse(body) as JsonObject, api, blockBytes);
    expect(probe.read(body, { api, blockBytes })).toMatchObject(reference);
    expect(reference.keys).not.toEqual([]);
  },
);

test("the published spellings of one prompt have one list of keys", () => {
  const bodies = ["chat with strings", "the same, spelled otherwise"].map(
    (name) => goldenBodies[name]?.body ?? "",
  );
  const [first, second] = bodies.map((body) => probe.read(body).keys);
  expect(second).toEqual(first);
});
