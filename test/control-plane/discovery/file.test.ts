import { describe, expect, test } from "vitest";
import { endpointsFromFlag, parsePoolFile } from "../../../control-plane/discovery/file.ts";

describe("the flag", () => {
  test("names endpoints by address and port", () => {
    expect(endpointsFromFlag("10.0.0.5:8000, 10.0.0.6:80")).toEqual([
      { name: "10.0.0.5:8000", namespace: "default", address: "10.0.0.5", port: 8000, labels: {} },
      { name: "10.0.0.6:80", namespace: "default", address: "10.0.0.6", port: 80, labels: {} },
    ]);
  });

  test.each([
    "",
    "10.0.0.5",
    "10.0.0.5:",
    "10.0.0.5:0",
    "10.0.0.5:65536",
    "10.0.0.5:8e3",
    "10.0.0.5:8000,",
    "10.0.0:8000",
    "host:8000",
    "[::1]:8000",
    "10.0.0.5:8000:1",
    "10.0.0.5:8000,10.0.0.5:08000",
  ])("%j is refused", (text) => {
    expect(() => endpointsFromFlag(text)).toThrow(/^--endpoints is /);
  });
});

describe("a pool file", () => {
  test("is read as upstream's file discovery reads it", () => {
    const text = `
endpoints:
- name: qwen-0
  namespace: models
  address: 10.0.0.5
  port: "8000"
  labels: {llm-d.ai/engine-type: vllm, zone: a}
- {name: qwen-1, address: 10.0.0.6, port: 8001}
`;
    expect(parsePoolFile(text, "p")).toEqual([
      {
        name: "qwen-0",
        namespace: "models",
        address: "10.0.0.5",
        port: 8000,
        labels: { "llm-d.ai/engine-type": "vllm", zone: "a" },
      },
      { name: "qwen-1", namespace: "default", address: "10.0.0.6", port: 8001, labels: {} },
    ]);
  });

  test("may be JSON, and may name nobody", () => {
    expect(parsePoolFile('{"endpoints": []}', "p")).toEqual([]);
  });

  test.each([
    ["nothing", "", "p:1:1: the file: must be object"],
    ["another shape", "endpoints: 3", "p:1:12: endpoints: must be array"],
    ["an unknown key", "endpoints: []\nendpoint: []", 'p:2:1: unknown key "endpoint"'],
    [
      "an unknown key of an endpoint",
      "endpoints:\n- name: a\n  adress: 10.0.0.1\n  port: 1",
      'p:3:3: unknown key "adress"; known here: name, namespace, address, port, labels',
    ],
    ["no port", "endpoints:\n- {name: a, address: 10.0.0.1}", "p:2:3: endpoints[0].port: give it"],
    ["a host name", "endpoints:\n- {name: a, address: b, port: 1}", 'p:2:22: address "b" of "a"'],
    [
      "IPv6",
      "endpoints:\n- {name: a, address: '::1', port: 1}",
      'address "::1" of "a" is not IPv4',
    ],
    ["port 0", "endpoints:\n- {name: a, address: 10.0.0.1, port: 0}", 'p:2:38: port "0" of "a"'],
    [
      "a label that is no text",
      "endpoints:\n- {name: a, address: 10.0.0.1, port: 1, labels: {x: 1}}",
      "p:2:53: endpoints[0].labels.x: must be string",
    ],
    [
      "one name twice",
      "endpoints:\n- {name: a, address: 10.0.0.1, port: 1}\n- {name: a, address: 10.0.0.2, port: 1}",
      "p:3:10: name default/a is there twice",
    ],
    [
      "one address twice",
      "endpoints:\n- {name: a, address: 10.0.0.1, port: 1}\n- {name: b, address: 10.0.0.1, port: 1}",
      "p:3:10: address 10.0.0.1:1 is there twice",
    ],
    [
      "more endpoints than a pool holds",
      JSON.stringify({
        endpoints: Array.from({ length: 1025 }, (_, n) => ({
          name: `e${n}`,
          address: `10.0.${n >> 8}.${n & 255}`,
          port: 1,
        })),
      }),
      "1025 endpoints exceed 1024 a pool",
    ],
  ])("with %s is refused", (_, text, message) => {
    expect(() => parsePoolFile(text, "p")).toThrow(message);
  });
});
