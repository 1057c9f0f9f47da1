// What the launcher tells its user.

import type { Ready } from "./gateway.ts";
import type { Options } from "./options.ts";
import type { PartEvent } from "./supervise.ts";

/** Begins with `ready`; the curl line works as it stands. */
export function readyText({ url, model }: Ready, options: Options): string {
  const body = JSON.stringify({ model, messages: [{ role: "user", content: "Hello" }] });
  const control = `http://127.0.0.1:${options.controlPort}`;
  return [
    `ready ${url}`,
    "",
    `curl ${url}/v1/chat/completions -H 'content-type: application/json' -d '${body}'`,
    "",
    `metrics  ${control}/metrics`,
    `status   ${control}/status`,
    `Envoy    http://127.0.0.1:${options.adminPort}`,
    `stop     Ctrl-C, or kill ${process.pid}`,
  ].join("\n");
}

export function eventText(event: PartEvent): string {
  if (event.kind === "restarted") return `${event.name} is back.`;
  const { name, how, restartInMs, lines } = event;
  const heading = `${name} ended (${how}); it is restarted in ${restartInMs / 1000} s.`;
  return [heading, ...lines.map((line) => `  ${name} | ${line}`)].join("\n");
}
