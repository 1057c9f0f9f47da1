import { expect, test } from "vitest";
import {
  bootstrapUrl,
  groupOf,
  meetingPortOf,
  ownConnector,
  rankOf,
  rolesOf,
  stagesApart,
  tensorParallelOf,
} from "../../../control-plane/pool/roles.ts";
import * as wire from "../../../protocol/records.ts";

const [E, P, D] = [wire.ROLE_ENCODE, wire.ROLE_PREFILL, wire.ROLE_DECODE];

test.each([
  ["prefill", P],
  ["decode", D],
  ["encode", E],
  ["prefill-decode", P | D],
  ["both", P | D],
  ["encode-prefill", E | P],
  ["encode-decode", E | D],
  ["encode-prefill-decode", E | P | D],
  ["anything", 0],
  ["", 0],
])("the role %s has its part", (role, expected) => {
  expect(rolesOf({ "llm-d.ai/role": role })).toBe(expected);
});

test("an endpoint without a role decodes", () => {
  expect(rolesOf({})).toBe(D);
});

test("who hands its cache over in a way that nobody knows has no part in prefill", () => {
  const connector = { "llm-d.ai/kv-connector": "unheard-of" };
  expect(rolesOf({ "llm-d.ai/role": "prefill", ...connector })).toBe(0);
  expect(rolesOf({ "llm-d.ai/role": "both", ...connector })).toBe(D);
  expect(stagesApart([{ "llm-d.ai/role": "prefill", ...connector }])).toBeUndefined();
  expect(rolesOf({ "llm-d.ai/role": "prefill", "llm-d.ai/kv-connector": "lmcache" })).toBe(P);
});

test.each([
  [["prefill", "decode"], "prefill"],
  [["encode-prefill", "decode"], "prefill"],
  [["encode", "prefill-decode"], "encode"],
  [["encode", "prefill", "decode"], "encode-prefill"],
  [["both", "encode-prefill-decode", "encode-decode", "decode"], undefined],
  [[], undefined],
])("a pool of %s has stages apart: %s", (roles, expected) => {
  expect(stagesApart(roles.map((role) => ({ "llm-d.ai/role": role })))).toBe(expected);
  expect(stagesApart([{}])).toBeUndefined();
});

test("labels name the connector, the group and the tensor-parallel size", () => {
  expect(ownConnector({ "llm-d.ai/kv-connector": "lmcache" })).toBe(wire.CONNECTOR_SHARED_STORAGE);
  expect(ownConnector({ "llm-d.ai/kv-connector": "unheard-of" })).toBe(wire.CONNECTOR_OF_POOL);
  expect(ownConnector({ "llm-d.ai/kv-connector": "sglang" })).toBe(wire.CONNECTOR_SGLANG);
  expect(groupOf({})).toBe("");
  expect(groupOf({ "llm-d.ai/revision": "v1" })).not.toBe(groupOf({ "llm-d.ai/topology": "v1" }));
  expect(tensorParallelOf({ "llm-d.ai/tensor-parallel-size": "4" })).toBe(4);
  expect(tensorParallelOf({ "llm-d.ai/tensor-parallel-size": "four" })).toBe(0);
});

test("an engine that has a connector of its own has it, unless labels name another", () => {
  const engine = { "llm-d.ai/engine-type": "sglang" };
  expect(ownConnector(engine)).toBe(wire.CONNECTOR_SGLANG);
  expect(ownConnector({ ...engine, "llm-d.ai/kv-connector": "nixlv2" })).toBe(wire.CONNECTOR_NIXL);
  expect(ownConnector({ "llm-d.ai/engine-type": "vllm" })).toBe(wire.CONNECTOR_OF_POOL);
});

test.each([
  ["9111", 9111],
  ["0", 8998],
  ["65536", 8998],
  ["none", 8998],
])("the label %s is the bootstrap port %d", (label, port) => {
  const labels = { "llm-d.ai/bootstrap-port": label };
  expect(meetingPortOf(labels, wire.CONNECTOR_SGLANG)).toBe(port);
  expect(meetingPortOf({}, wire.CONNECTOR_MOONCAKE)).toBe(8998);
});

test("each rank of the offloading connector has its port", () => {
  const labels = { "llm-d.ai/data-parallel-rank": "3" };
  expect(rankOf(labels)).toBe(3);
  expect(rankOf({ "llm-d.ai/data-parallel-rank": "-1" })).toBe(0);
  expect(meetingPortOf(labels, wire.CONNECTOR_OFFLOADING)).toBe(7780);
  expect(meetingPortOf({}, wire.CONNECTOR_OFFLOADING)).toBe(7777);
});

test("only prefill endpoints of Mooncake have a bootstrap server that is asked", () => {
  const labels = { "llm-d.ai/role": "prefill" };
  const urlOf = (address: string, more: object, connector = wire.CONNECTOR_MOONCAKE) =>
    bootstrapUrl({ address, labels: { ...labels, ...more } }, connector);
  expect(urlOf("10.0.0.5", {})).toBe("http://10.0.0.5:8998/query");
  expect(urlOf("fd00::5", { "llm-d.ai/bootstrap-port": "9" })).toBe("http://[fd00::5]:9/query");
  expect(urlOf("10.0.0.5", { "llm-d.ai/role": "decode" })).toBeUndefined();
  expect(urlOf("10.0.0.5", { "llm-d.ai/kv-connector": "nixlv2" })).toBeUndefined();
  expect(urlOf("10.0.0.5", { "llm-d.ai/kv-connector": "mooncake" }, wire.CONNECTOR_NIXL)).toBe(
    "http://10.0.0.5:8998/query",
  );
});
