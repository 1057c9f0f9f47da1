import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { ApiError } from "./api/api-error.ts";
import type { Call, Dialect, EventWriter, Json } from "./api/dialect.ts";
import { isObject } from "./api/fields.ts";
import { EventStream, resetAfterWrites } from "./event-stream.ts";
import type { Fault } from "./faults.ts";
import { Generation, type GenerationListener, type Serving } from "./generation.ts";

/** Where an answer goes. */
export interface Exchange {
  response: ServerResponse;
  headers: OutgoingHttpHeaders;
  fault: Fault | undefined;
}

export function parseJson(bytes: unknown): Json {
  let parsed: unknown;
  try {
    parsed = JSON.parse(String(bytes ?? ""));
  } catch (cause) {
    throw new ApiError(400, `The body must be JSON: ${(cause as Error).message}`);
  }
  if (!isObject(parsed)) throw new ApiError(400, "The body must be a JSON object.");
  return parsed;
}

/** Starts to answer; what is wrong with the request is thrown before anything is written. */
export function answerCall(
  serving: Serving,
  dialect: Dialect,
  body: Json,
  exchange: Exchange,
  earlyOpen: boolean,
): void {
  const call = dialect.read(body);
  const isStream = call.stream && dialect.events !== undefined;
  const generation = isStream
    ? streamAnswer(serving, dialect, call, body, exchange, earlyOpen)
    : sendAnswer(serving, dialect, call, body, exchange);
  exchange.response.on("close", () => generation.abort());
}

function sendAnswer(
  serving: Serving,
  dialect: Dialect,
  call: Call,
  body: Json,
  exchange: Exchange,
): Generation {
  const generation: Generation = new Generation(serving, dialect, call, {
    onToken() {},
    onEnd: () => sendJson(exchange, 200, dialect.json(generation.answer, body)),
  });
  return generation;
}

function sendJson(exchange: Exchange, status: number, payload: unknown): void {
  const { response, headers, fault } = exchange;
  const text = JSON.stringify(payload);
  response.writeHead(status, {
    ...headers,
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  if (fault?.name === "reset-after-headers") {
    resetAfterWrites(response, text.slice(0, text.length / 2));
  } else {
    response.end(text);
  }
}

function streamAnswer(
  serving: Serving,
  dialect: Dialect,
  call: Call,
  body: Json,
  exchange: Exchange,
  earlyOpen: boolean,
): Generation {
  let listener: GenerationListener;
  const generation = new Generation(serving, dialect, call, {
    onToken: (choice, text, id) => listener.onToken(choice, text, id),
    onEnd: () => listener.onEnd(),
  });
  const { fault } = exchange;
  const resetAfter = fault?.name === "reset-after-headers" ? fault.value : undefined;
  const stream = new EventStream(exchange.response, exchange.headers, resetAfter);
  const writer = dialect.events?.(generation.answer, call, body) as EventWriter;
  let isOpen = earlyOpen && dialect.opensEarly === true;
  if (isOpen) stream.write(writer.open());
  listener = {
    onToken(choice, text, id) {
      if (!isOpen) stream.write(writer.open());
      isOpen = true;
      stream.writeToken(writer.token(choice, text, id));
    },
    onEnd() {
      stream.write(writer.close());
      stream.end();
    },
  };
  return generation;
}
