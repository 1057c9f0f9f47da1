import { describe, expect, it } from "vitest";
import {
  AGREEMENT_SCRIPT,
  agreementArguments,
  agreementKeys,
  readAgreement,
} from "../../../control-plane/replicas/agreement.ts";
import { SLOTS_MAX } from "../../../protocol/limits.ts";
import { describeWithValkey } from "../../support/valkey/valkey.ts";
import { startingEach } from "../hints/started.ts";
import { sharing } from "./sharing.ts";

const { start } = startingEach();
const names = (letter: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${letter}${index}`);

describeWithValkey("where numbers run out", (binary) => {
  const { startValkey, connect } = sharing(start, binary);

  async function begin() {
    const client = await connect((await startValkey()).url);
    const seenKey = agreementKeys("test")[2]!;
    return {
      async agree(slots: string[]) {
        const none = (all: string[]) => new Map(all.map((name) => [name, null]));
        const proposal = { generation: 1, slots: none(slots), pools: none([]) };
        const answer = await client.eval(AGREEMENT_SCRIPT, {
          keys: agreementKeys("test"),
          arguments: agreementArguments(proposal),
        });
        return readAgreement(proposal, answer as number[]).slots;
      },
      /** As if these names had been asked for last so long ago. */
      async silence(slots: string[], agoMs: number) {
        const seen = String(Date.now() - agoMs);
        await client.hSet(seenKey, Object.fromEntries(slots.map((name) => [name, seen])));
      },
    };
  }

  describe("a name that nobody has said to be in use for long", () => {
    it("gives its number away, the longest unseen first", async () => {
      const { agree, silence } = await begin();
      const old = names("a", SLOTS_MAX);
      const first = await agree(old);
      await silence(old.slice(0, 100), 25_000);
      await silence(old.slice(100, 200), 30_000);
      const fresh = names("b", 150);
      const second = await agree(fresh);
      const given = fresh.map((name) => second.get(name)!).sort((a, b) => a - b);
      expect(new Set(given).size).toBe(150);
      const longest = old.slice(100, 200).map((name) => first.get(name)!);
      expect(given).toEqual(expect.arrayContaining(longest));
      const lent = new Set(old.slice(0, 200).map((name) => first.get(name)));
      expect(given.every((number) => lent.has(number))).toBe(true);
    });

    it("keeps it for as long as a replica may be slow to say so", async () => {
      const { agree, silence } = await begin();
      const old = names("a", SLOTS_MAX);
      await agree(old);
      await silence(old, 15_000);
      expect((await agree(["b"])).size).toBe(0);
    });

    it("keeps it while there are others", async () => {
      const { agree, silence } = await begin();
      const [first] = await agree(["a"]);
      await silence(["a"], 50_000);
      await agree(["b"]);
      expect((await agree(["a"])).get("a")).toBe(first![1]);
    });
  });
});
