// Filters that do one thing each, many times a request, beside one that does nothing: the difference
// is what the thing costs.

import { noopSource } from "../speed/noop-filter.ts";

/** A host call, or what else may be added to a filter that does nothing. */
export interface Variant {
  name: string;
  /** How the ledger of the host emulator names it: `callback call`; what it is not shows none. */
  ledgerName?: string;
  /** Times it is done a request. */
  times: number;
  /** Declarations, and the statements by the callback that they are added to. */
  declares: string;
  does: { [callback: string]: string };
  /** What callbacks return; 0 goes on. */
  returns?: { [callback: string]: string };
  /** Measured with bodies of 100 KB too. */
  isOfLargeBodies?: boolean;
}

export const MESSAGE = "a message to another machine, which wakes its thread";
export const HELD_AND_NAMED = "the request held until its body is whole, its endpoint named";

/** The first callback in which the host may be called. */
const AT_START = "proxy_on_configure";

/** So often that one call's cost stands out of the noise. */
const TIMES = 100;

const OUT = "const out: usize = heap.alloc(64);";

function imported(name: string, parameters: string): string {
  return `@external("env", "${name}") declare function ${name}(${parameters}): u32;\n${OUT}`;
}

/** `call` over and over in one callback. */
function repeated(
  name: string,
  callback: string,
  declares: string,
  call: string,
  atStart = "",
): Variant {
  const does = {
    [callback]: `for (let i = 0; i < ${TIMES}; i++) ${call};`,
    [AT_START]: atStart,
  };
  return { name, times: TIMES, declares, does };
}

/** Bytes that stay where they are, and how many. */
function text(name: string, value: string): string {
  return `const ${name} = String.UTF8.encode("${value}");`;
}

function at(name: string): string {
  return `changetype<usize>(${name}), ${name}.byteLength`;
}

const GET_PAIRS = imported("proxy_get_header_map_pairs", "map: u32, at: usize, size: usize");
const GET_BUFFER = imported(
  "proxy_get_buffer_bytes",
  "buffer: u32, start: u32, bytes: u32, at: usize, size: usize",
);
const GET_PROPERTY = imported(
  "proxy_get_property",
  "path: usize, bytes: usize, at: usize, size: usize",
);
const SET_HEADER = imported(
  "proxy_replace_header_map_value",
  "map: u32, name: usize, nameBytes: usize, value: usize, valueBytes: usize",
);

function property(path: string): Variant {
  const declares = `${GET_PROPERTY}\n${text("path", path.replaceAll(".", "\\0"))}`;
  const call = `proxy_get_property(${at("path")}, out, out + 8)`;
  return repeated(`a property, \`${path}\``, "proxy_on_response_headers", declares, call);
}

export const VARIANTS: readonly Variant[] = [
  {
    ...repeated(
      "the time",
      "proxy_on_request_headers",
      imported("proxy_get_current_time_nanoseconds", "at: usize"),
      "proxy_get_current_time_nanoseconds(out)",
    ),
    ledgerName: "proxy_get_current_time_nanoseconds",
  },
  {
    ...repeated(
      "all request headers",
      "proxy_on_request_headers",
      GET_PAIRS,
      "proxy_get_header_map_pairs(0, out, out + 8)",
    ),
    ledgerName: "proxy_on_request_headers proxy_get_header_map_pairs",
  },
  repeated(
    "one request header",
    "proxy_on_request_headers",
    `${imported("proxy_get_header_map_value", "map: u32, name: usize, bytes: usize, at: usize, size: usize")}
    ${text("name", ":path")}`,
    `proxy_get_header_map_value(0, ${at("name")}, out, out + 8)`,
  ),
  {
    ...repeated(
      "a read of the request's body",
      "proxy_on_request_body",
      GET_BUFFER,
      "proxy_get_buffer_bytes(0, 0, 65536, out, out + 8)",
    ),
    ledgerName: "proxy_on_request_body proxy_get_buffer_bytes",
  },
  repeated(
    "a request header set",
    "proxy_on_request_headers",
    `${SET_HEADER}\n${text("name", "x-bench-header")}\n${text("value", "127.0.1.1:40000")}`,
    `proxy_replace_header_map_value(0, ${at("name")}, ${at("value")})`,
  ),
  {
    ...repeated(
      "all response headers",
      "proxy_on_response_headers",
      GET_PAIRS,
      "proxy_get_header_map_pairs(2, out, out + 8)",
    ),
    ledgerName: "proxy_on_response_headers proxy_get_header_map_pairs",
  },
  { ...property("upstream.address"), ledgerName: "proxy_on_response_headers proxy_get_property" },
  property("upstream.request_attempt_count"),
  property("response.code_details"),
  {
    ...repeated(
      "a read of the response's body",
      "proxy_on_response_body",
      GET_BUFFER,
      "proxy_get_buffer_bytes(1, 0, 65536, out, out + 8)",
    ),
    // In HTTP/1 the end comes as a callback of its own, in which there is nothing to read.
    ledgerName: "proxy_on_response_body proxy_get_buffer_bytes",
  },
  repeated(
    "a metric increased",
    "proxy_on_request_headers",
    `${imported("proxy_define_metric", "type: u32, name: usize, bytes: usize, id: usize")}
    @external("env", "proxy_increment_metric") declare function increment(id: u32, by: i64): u32;
    ${text("name", "bench_metric")}
    let metric: u32 = 0;`,
    "increment(metric, 1)",
    `proxy_define_metric(0, ${at("name")}, out); metric = load<u32>(out);`,
  ),
  repeated(
    "shared data read",
    "proxy_on_request_headers",
    `${imported("proxy_get_shared_data", "key: usize, bytes: usize, at: usize, size: usize, version: usize")}
    @external("env", "proxy_set_shared_data") declare function set(
      key: usize, bytes: usize, value: usize, size: usize, version: u32): u32;
    ${text("key", "bench")}`,
    `proxy_get_shared_data(${at("key")}, out, out + 8, out + 16)`,
    `set(${at("key")}, ${at("key")}, 0);`,
  ),
  repeated(
    "shared data written",
    "proxy_on_request_headers",
    `${imported("proxy_set_shared_data", "key: usize, bytes: usize, value: usize, size: usize, version: u32")}
    ${text("key", "bench")}`,
    `proxy_set_shared_data(${at("key")}, ${at("key")}, 0)`,
  ),
  {
    name: MESSAGE,
    times: 1,
    declares: `${imported("proxy_register_shared_queue", "name: usize, bytes: usize, token: usize")}
    @external("env", "proxy_enqueue_shared_queue") declare function enqueue(
      token: u32, value: usize, size: usize): u32;
    @external("env", "proxy_dequeue_shared_queue") declare function dequeue(
      token: u32, at: usize, size: usize): u32;
    ${text("message", "a pick and what is in flight, told to the other machines: some 100 bytes of records and their frame")}
    ${text("name", "bench")}
    let own: u32 = 0;`,
    does: {
      [AT_START]: `proxy_register_shared_queue(${at("name")}, out); own = load<u32>(out);`,
      proxy_on_request_headers: `enqueue(own, ${at("message")});`,
      proxy_on_queue_ready: "while (dequeue(token, out, out + 8) === 0);",
    },
  },
  {
    name: "the request held until its body is whole",
    times: 1,
    declares: "",
    does: {},
    returns: { proxy_on_request_headers: "1", proxy_on_request_body: "end ? 0 : 1" },
  },
  {
    name: HELD_AND_NAMED,
    times: 1,
    isOfLargeBodies: true,
    // Naming is the header's replacement, and Envoy's choice of a route and an endpoint by it.
    ledgerName: "proxy_on_request_body proxy_replace_header_map_value",
    declares: `${SET_HEADER}
    ${text("name", "x-gateway-destination-endpoint")}\n${text("value", "DESTINATION")}`,
    does: {
      proxy_on_request_body: `if (end) proxy_replace_header_map_value(0, ${at("name")}, ${at("value")});`,
    },
    returns: { proxy_on_request_headers: "1", proxy_on_request_body: "end ? 0 : 1" },
  },
];

/** AssemblyScript of a filter that does nothing but the variant; `destination` is an endpoint. */
export function sourceOf(variant: Variant, destination: string): string {
  let source = noopSource;
  for (const [callback, statements] of Object.entries(variant.does)) {
    source = inCallback(source, callback, (body) => `${statements} ${body}`);
  }
  for (const [callback, value] of Object.entries(variant.returns ?? {})) {
    source = inCallback(source, callback, (body) => body.replace("return 0", `return ${value}`));
  }
  // What the host hands over stays in one place, as in the shipped filter.
  const scratch = "const scratch = heap.alloc(131072);";
  source = source.replace("return heap.alloc(bytes)", "return scratch");
  return `${scratch}\n${variant.declares.replace("DESTINATION", destination)}\n${source}`;
}

function inCallback(source: string, name: string, change: (body: string) => string): string {
  const pattern = new RegExp(`(export function ${name}\\([^)]*\\): \\w+ \\{)([^}]*)\\}`);
  if (!pattern.test(source)) throw new Error(`the filter that does nothing has no ${name}`);
  return source.replace(pattern, (_, head, body) => `${head} ${change(body)} }`);
}
