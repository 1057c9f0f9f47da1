// What the launcher tells its user.

import type { Ready } from "./gateway.ts";
import type { Options } from "./options.ts";
import type { PartEvent } from "./supervise.ts";

/** Begins with `ready`; the curl line works as it stands. */
export function readyText(ready: Ready, options: Options): string {
  const { url, parts } = ready;
  const control = `http://127.0.0.1:${options.controlPort}`;
  return [
    `ready ${url}`,
    "",
    ready.example
      ? exampleText(url, ready.example, options)
      : withoutServerText(url, ready.obstacles),
    "",
    `metrics  ${control}/metrics`,
    `status   ${control}/status`,
    `Envoy    http://127.0.0.1:${options.adminPort}`,
    `parts    ${parts.map(({ name, processId }) => `${processId} ${name}`).join("\n         ")}`,
    `stop     Ctrl-C, or kill ${process.pid}`,
  ].join("\n");
}

/** `path` is the file of a request's body. */
export function exampleText(
  url: string,
  path: string,
  { encode }: Pick<Options, "encode">,
): string {
  const headers = "-H 'content-type: application/json' -H 'x-hintway-explain: 1'";
  return [
    `curl -i ${url}/v1/chat/completions ${headers} -d @${quoted(path)}`,
    "",
    "Run it twice: x-hintway-endpoint stays the same, and in x-hintway-explain that endpoint's",
    "matchedKeys rise from 0 to all keys, for it holds the prompt in its cache.",
    ...(encode > 0
      ? ["The prompt ends in an image; in its disaggregation, encoders are those that encoded it."]
      : []),
  ].join("\n");
}

function withoutServerText(url: string, obstacles: string[]): string {
  return [
    `curl -i ${url}/v1/models`,
    "",
    "warning: no model server can be used, so requests get a 503 until one can:",
    ...obstacles.map((obstacle) => `  ${obstacle}`),
  ].join("\n");
}

/** As one word of a shell. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

export function eventText(event: PartEvent): string {
  if (event.kind === "news") return event.text;
  if (event.kind === "restarted") return `${event.name} is back, as process ${event.processId}.`;
  const { name, how, restartInMs, lines } = event;
  const heading = `${name} ended (${how}); it is restarted in ${restartInMs / 1000} s.`;
  return [heading, ...lines.map((line) => `  ${name} | ${line}`)].join("\n");
}
