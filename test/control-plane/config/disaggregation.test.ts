import { describe, expect, test } from "vitest";
import {
  defaultConfiguration,
  parseConfiguration,
} from "../../../control-plane/config/configuration.ts";
import * as wire from "../../../protocol/records.ts";

interface Handler {
  type: string;
  parameters?: Record<string, unknown>;
}

function configured(handler: Handler, profiles = ["decode", "prefill"], plugins: Handler[] = []) {
  const document = {
    apiVersion: "llm-d.ai/v1alpha1",
    kind: "EndpointPickerConfig",
    plugins: [{ type: "queue-scorer" }, ...plugins, handler],
    schedulingProfiles: profiles.map((name) => ({
      name,
      plugins: [{ pluginRef: "queue-scorer" }],
    })),
  };
  return parseConfiguration(JSON.stringify(document), "test");
}

const disagg = (parameters: Record<string, unknown>) => ({
  type: "disagg-profile-handler",
  parameters,
});
const PREFIX = {
  type: "prefix-based-pd-decider",
  parameters: { nonCachedTokens: 512, promptTokens: 64 },
};

describe("the handler of disaggregation", () => {
  test("runs the profiles of its names, and its decider", () => {
    const deciders = { prefill: "prefix-based-pd-decider" };
    const { scheduling } = configured(disagg({ deciders }), ["decode", "prefill"], [PREFIX]);
    expect(scheduling.disaggregation).toEqual({
      decider: wire.DECIDE_UNCACHED,
      parameters: [512, 64],
      hasRoles: false,
      decode: 0,
      prefill: 1,
      transferred: 0,
      encoding: undefined,
    });
    expect(scheduling.choice).toBeUndefined();
  });

  test("takes the names and the decider of older versions", () => {
    const older = { decodeProfile: "d", prefillProfile: "p", deciderPluginName: PREFIX.type };
    const { scheduling } = configured(disagg(older), ["p", "d"], [PREFIX]);
    expect(scheduling.disaggregation).toMatchObject({ decode: 1, prefill: 0 });
  });

  test("disaggregates nothing without a decider, and says so", () => {
    const { scheduling, warnings } = configured(disagg({}), ["decode"]);
    expect(scheduling.disaggregation?.decider).toBe(wire.DECIDE_NEVER);
    expect(warnings.join()).toContain("no decider for prefill");
  });

  const MEDIA = "always-disagg-multimodal-decider";

  test("runs a profile for encoders where its decider says so, with or without one for prefill", () => {
    const encodeOnly = configured(disagg({ deciders: { encode: MEDIA } }), ["encode", "decode"]);
    expect(encodeOnly.scheduling.disaggregation).toMatchObject({
      decider: wire.DECIDE_NEVER,
      decode: 1,
      encoding: { decider: wire.DECIDE_MEDIA, profile: 0 },
    });
    expect(encodeOnly.warnings).toEqual([]);
    const deciders = { encode: MEDIA, prefill: MEDIA };
    const profiles = { encode: "e" };
    const both = configured(disagg({ deciders, profiles }), ["prefill", "decode", "e"]);
    expect(both.scheduling.disaggregation).toMatchObject({
      decider: wire.DECIDE_MEDIA,
      prefill: 0,
      encoding: { decider: wire.DECIDE_MEDIA, profile: 2 },
    });
  });

  test("takes the encode stage's names of older versions", () => {
    const older = { encodeProfile: "e", encodeDeciderPluginName: MEDIA };
    const { scheduling } = configured(disagg(older), ["decode", "e"]);
    expect(scheduling.disaggregation?.encoding?.profile).toBe(1);
  });

  test.each(["prefill-first", "prefill_first", "PrefillFirst", "prefill"])(
    "disaggregates always in the stage order %s",
    (stageOrder) => {
      const { scheduling } = configured(disagg({ stageOrder }));
      expect(scheduling.disaggregation?.decider).toBe(wire.DECIDE_ALWAYS);
    },
  );

  test.each([
    ["a profile that is not there", disagg({ profiles: { decode: "none" } }), "none"],
    ["a decider that is not there", disagg({ deciders: { prefill: "none" } }), "none"],
    ["a plugin that decides nothing", disagg({ deciders: { prefill: "queue-scorer" } }), "queue"],
    ["an encode decider that is not there", disagg({ deciders: { encode: "none" } }), "none"],
    [
      "an encode decider, and no profile for it",
      disagg({ deciders: { encode: "always-disagg-multimodal-decider" } }),
      "encode",
    ],
    ["a fallback profile", disagg({ profiles: { fallback: "x" } }), "fallback"],
    [
      "a decider with prefill-first",
      disagg({ stageOrder: "prefill", deciders: { prefill: "x" } }),
      "prefill",
    ],
    [
      "an encode decider of an older name that is not there",
      disagg({ encodeDeciderPluginName: "nobody" }),
      "nobody",
    ],
    [
      "a decider of an older name with prefill-first",
      disagg({ stageOrder: "prefill", prefillDeciderPluginName: "x" }),
      "prefillDeciderPluginName",
    ],
    ["an unknown stage order", disagg({ stageOrder: "encode-first" }), "stageOrder"],
  ])("is refused with %s", (_, handler, named) => {
    expect(() => configured(handler)).toThrow(named);
  });

  test("whose decider decides from 0 tokens on disaggregates nothing, and says so", () => {
    const never = { type: PREFIX.type, parameters: { nonCachedTokens: 0 } };
    const handler = disagg({ deciders: { prefill: never.type } });
    expect(configured(handler, undefined, [never]).warnings.join()).toContain("decode alone");
    expect(configured(handler, undefined, [PREFIX]).warnings.join()).not.toContain("decode alone");
  });
});

describe("the handler of disaggregation that is older", () => {
  const old = (parameters: Record<string, unknown>) => ({
    type: "pd-profile-handler",
    parameters,
  });

  test("runs prefix-based-pd-decider where it names none", () => {
    const { scheduling } = configured(old({}));
    expect(scheduling.disaggregation?.decider).toBe(wire.DECIDE_UNCACHED);
  });

  test("decides by a threshold in bytes where it has one", () => {
    const { scheduling, warnings } = configured(old({ threshold: 1001, hashBlockSize: 5 }));
    expect(scheduling.disaggregation).toMatchObject({
      decider: wire.DECIDE_UNCACHED,
      parameters: [251, 0],
    });
    expect(warnings.join()).toMatch(/251 tokens.*hashBlockSize has no effect/);
  });

  test.each([{ threshold: 0 }, { hashBlockSize: 5 }])("disaggregates always with %o", (given) => {
    const { scheduling } = configured(old(given));
    expect(scheduling.disaggregation?.decider).toBe(wire.DECIDE_ALWAYS);
  });

  test("is refused with a threshold beside a decider, or a decider without a name", () => {
    const both = old({ threshold: 10, deciderPluginName: PREFIX.type });
    expect(() => configured(both)).toThrow("threshold");
    expect(() => configured(old({ deciderPluginName: "" }))).toThrow("deciderPluginName");
  });
});

test("without a file, a pool with endpoints for prefill alone decides by time and tells roles apart", () => {
  const { scheduling, disaggregated } = defaultConfiguration();
  expect(scheduling.disaggregation).toBeUndefined();
  expect(scheduling.profiles.length).toBe(1);
  expect(disaggregated?.prefill.disaggregation).toEqual({
    decider: wire.DECIDE_TIME,
    parameters: [0, 0],
    hasRoles: true,
    decode: 0,
    prefill: 0,
    transferred: 1,
    encoding: undefined,
  });
});

test("without a file, media are encoded elsewhere in a pool with encoders, whether it splits prefill or not", () => {
  const { disaggregated } = defaultConfiguration();
  const encoding = { decider: wire.DECIDE_MEDIA, parameters: [0, 0], profile: 0 };
  const expected = { hasRoles: true, transferred: 1, encoding };
  expect(disaggregated?.encode.disaggregation).toMatchObject({
    ...expected,
    decider: wire.DECIDE_NEVER,
  });
  expect(disaggregated?.["encode-prefill"].disaggregation).toMatchObject({
    ...expected,
    decider: wire.DECIDE_TIME,
  });
});
