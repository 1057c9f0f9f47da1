// A line for each request, with what the filter picked and why, where its settings say `accessLog`.

import { type EnvoyMessage, extension } from "./message.ts";

export interface AccessLogOptions {
  /** A file; Envoy's own output where there is none, which may be no file that can be opened. */
  path?: string;
  /** Of 100 requests, how many have a line; all by default. A text is for the chart to replace. */
  percent?: number | string;
}

/** `wasm.hintway` is what the filter left with the request; `-` where it left nothing. */
const LINE = [
  "[%START_TIME%] %REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE% %RESPONSE_FLAGS%",
  "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% upstream=%UPSTREAM_HOST%",
  "%FILTER_STATE(wasm.hintway:PLAIN)%\n",
].join(" ");

export function accessLog({ path, percent = 100 }: AccessLogOptions): EnvoyMessage {
  const log_format = { text_format_source: { inline_string: LINE } };
  const logger = path
    ? extension("envoy.access_loggers.file", FILE_ACCESS_LOG, { path, log_format })
    : extension("envoy.access_loggers.stdout", STDOUT_ACCESS_LOG, { log_format });
  return {
    ...logger,
    filter: {
      runtime_filter: {
        runtime_key: "hintway.access_log",
        percent_sampled: { numerator: percent, denominator: "HUNDRED" },
      },
    },
  };
}

const FILE_ACCESS_LOG = "envoy.extensions.access_loggers.file.v3.FileAccessLog";
const STDOUT_ACCESS_LOG = "envoy.extensions.access_loggers.stream.v3.StdoutAccessLog";
