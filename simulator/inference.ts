import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import { ApiError } from "./api/api-error.ts";
import { type Dialect, dataEvent, type EventWriter, type Json } from "./api/dialect.ts";
import { isObject } from "./api/fields.ts";
import { EventStream, resetAfterWrites } from "./event-stream.ts";
import type { Fault } from "./faults.ts";
import { Generation, type GenerationListener, type Serving } from "./generation.ts";
import { type PreparedCall, prepareCall, type Received } from "./prepared.ts";

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

/**
 * Starts to answer; what is wrong with the request is a rejection before anything is written.
 * `isEarly` sends the first events before prefill where the API allows that.
 */
export async function answerCall(
  serving: Serving,
  dialect: Dialect,
  received: Received,
  exchange: Exchange,
  isEarly: boolean,
): Promise<void> {
  const call = dialect.read(received.body);
  const prepared = await prepareCall(serving, call, received);
  const { response } = exchange;
  // A client may have left while a prefill server was asked.
  if (response.destroyed) return prepared.leg?.abandoned?.();
  const isStream = call.stream && dialect.events !== undefined;
  const answering = { serving, dialect, prepared, body: received.body, exchange };
  const generation = isStream ? streamAnswer(answering, isEarly) : sendAnswer(answering);
  response.on("close", () => generation.abort());
}

interface Answering {
  serving: Serving;
  dialect: Dialect;
  prepared: PreparedCall;
  body: Json;
  exchange: Exchange;
}

function sendAnswer({ serving, dialect, prepared, body, exchange }: Answering): Generation {
  const generation: Generation = new Generation(serving, dialect, prepared, {
    onToken() {},
    onEnd() {
      const answer = dialect.json(generation.answer, body);
      const more = prepared.leg?.finished?.() ?? {};
      const isPlain = Array.isArray(answer) || Object.keys(more).length === 0;
      sendJson(exchange, 200, isPlain ? answer : { ...(answer as object), ...more });
    },
    onFailure: (error) => sendJson(exchange, error.status, dialect.error(error)),
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

function streamAnswer(answering: Answering, isEarly: boolean): Generation {
  const { serving, dialect, prepared, body, exchange } = answering;
  let listener: GenerationListener;
  const generation = new Generation(serving, dialect, prepared, {
    onToken: (choice, text, id) => listener.onToken(choice, text, id),
    onEnd: () => listener.onEnd(),
    onFailure: (error) => listener.onFailure(error),
  });
  const { fault } = exchange;
  const resetAfter = fault?.name === "reset-after-headers" ? fault.value : undefined;
  const stream = new EventStream(exchange.response, exchange.headers, resetAfter);
  const writer = dialect.events?.(generation.answer, prepared.call, body) as EventWriter;
  let isOpen = isEarly && dialect.opensEarly === true;
  if (isOpen) stream.write(writer.open());
  listener = {
    onToken(choice, text, id) {
      if (!isOpen) stream.write(writer.open());
      isOpen = true;
      stream.writeToken(writer.token(choice, text, id));
    },
    onEnd() {
      prepared.leg?.finished?.();
      stream.write(writer.close());
      stream.end();
    },
    onFailure(error) {
      stream.write(dataEvent(dialect.error(error)));
      stream.end();
    },
  };
  return generation;
}
