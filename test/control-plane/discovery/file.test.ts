import { describe, expect, test } from "vitest";
import { endpointsFromFlag, parsePoolFile } from "../../../control-plane/discovery/file.ts";
import { PoolFiles } from "../../../control-plane/discovery/pool-files.ts";
import { addNamedFile, fileLabel } from "../../../control-plane/named-file.ts";

describe("the flag", () => {
  test("names endpoints by address and port", () => {
    expect(endpointsFromFlag("10.0.0.5:8000, 10.0.0.6:80")).toEqual([
      { name: "10.0.0.5:8000", namespace: "default", address: "10.0.0.5", port: 8000, labels: {} },
      { name: "10.0.0.6:80", namespace: "default", address: "10.0.0.6", port: 80, labels: {} },
    ]);
  });

  test("takes IPv6 addresses in brackets, and makes them what Envoy writes", () => {
    const [endpoint] = endpointsFromFlag("[FD00:0:0:0::6]:8000");
    expect(endpoint).toMatchObject({ name: "[fd00::6]:8000", address: "fd00::6", port: 8000 });
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
    "::1:8000",
    "[10.0.0.5]:8000",
    "[fe80::1%eth0]:8000",
    "[::1]",
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
    const [pool] = parsePoolFile(text, "p", "pool");
    expect(pool?.name).toBe("pool");
    expect(pool?.endpoints).toEqual([
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
    expect(parsePoolFile('{"endpoints": []}', "p", "a")).toEqual([{ name: "a", endpoints: [] }]);
  });

  test("may name several pools, whose endpoints may have the same names", () => {
    const text = `
pools:
- name: qwen
  endpoints: [{name: a, address: 10.0.0.5, port: 1}]
- {name: models/llama, endpoints: [{name: a, address: "::1", port: 1}]}
`;
    const pools = parsePoolFile(text, "p", "pool");
    expect(pools.map(({ name }) => name)).toEqual(["qwen", "models/llama"]);
    expect(pools[1]?.endpoints[0]?.address).toBe("::1");
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
    ["neither endpoints nor pools", "{}", "p:1:1: the file has to have either endpoints or pools"],
    ["both", "endpoints: []\npools: []", "the file has to have either endpoints or pools"],
    ["a pool without a name", "pools:\n- {endpoints: []}", "p:2:3: pools[0].name: give it"],
    ["a name that is none", "pools:\n- {name: a b, endpoints: []}", 'p:2:10: name "a b" is not'],
    [
      "one pool twice",
      "pools:\n- {name: a, endpoints: []}\n- {name: a, endpoints: []}",
      'p:3:10: pool "a" is there twice',
    ],
    [
      "a port that is none in a pool",
      "pools:\n- {name: a, endpoints: [{name: b, address: 10.0.0.1, port: 0}]}",
      'p:2:60: port "0" of "b"',
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
    ["a second document", "endpoints: []\n---\nendpoints: []\n", "p:2:1: a second document begins"],
  ])("with %s is refused", (_, text, message) => {
    expect(() => parsePoolFile(text, "p", "pool")).toThrow(message);
  });
});

describe("pool files together", () => {
  const files = ["qwen=./a.yaml", "./b=c.yaml"].reduce(
    (earlier, text) => addNamedFile(text, earlier),
    [] as ReturnType<typeof addNamedFile>,
  );

  test("are each for one pool, or for those that the file names", () => {
    expect(files).toEqual([
      { poolName: "qwen", path: "./a.yaml" },
      { poolName: undefined, path: "./b=c.yaml" },
    ]);
    expect(files.map((file) => fileLabel("pool", file))).toEqual(["pool qwen", "pool"]);
    expect(() => addNamedFile("qwen=other.yaml", files)).toThrow("qwen is given twice");
    expect(() => addNamedFile("other.yaml", files)).toThrow("A file without NAME= is given twice");
  });

  test("may not name a pool that another file names, and may name their own again", () => {
    const pools = new PoolFiles("standard");
    const [first, second] = files;
    const text = "pools: [{name: llama, endpoints: []}]";
    pools.replace(first!, pools.parser(first!)("endpoints: []", "a.yaml"));
    pools.replace(second!, pools.parser(second!)(text, "c.yaml"));
    expect(pools.all().map(({ name }) => name)).toEqual(["qwen", "llama"]);
    expect(pools.parser(second!)(text, "c.yaml")).toHaveLength(1);
    const taken = "pools: [{name: qwen, endpoints: []}]";
    expect(() => pools.parser(second!)(taken, "c.yaml")).toThrow(
      'c.yaml: pool "qwen" is in ./a.yaml too',
    );
  });
});
