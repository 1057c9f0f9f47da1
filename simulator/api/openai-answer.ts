import { type Answer, type Call, DONE_EVENT, dataEvent, type EventWriter } from "./dialect.ts";
import { openaiUsage } from "./usage.ts";

/** Where chat completions and completions differ: their names, and what text is wrapped in. */
export interface AnswerShape {
  object: string;
  chunkObject: string;
  /** All text of a choice. */
  whole(text: string): object;
  /** The text of one token. */
  part(text: string): object;
  /** What a choice's stream begins with, before its first token; absent where with nothing. */
  opening?: object;
}

export function openaiAnswer(answer: Answer, shape: AnswerShape): object {
  return {
    ...head(answer, shape.object),
    choices: answer.choices.map((choice) => ({
      index: choice.index,
      ...shape.whole(choice.text),
      logprobs: null,
      finish_reason: choice.finishReason,
    })),
    usage: openaiUsage(answer),
  };
}

export function openaiEvents(answer: Answer, call: Call, shape: AnswerShape): EventWriter {
  const chunk = (choices: object[], more: object = {}) =>
    dataEvent({ ...head(answer, shape.chunkObject), choices, ...more });
  const part = (index: number, content: object, finishReason: string | null) =>
    chunk([{ index, ...content, logprobs: null, finish_reason: finishReason }]);
  const { opening } = shape;
  return {
    open: () =>
      opening ? answer.choices.map(({ index }) => part(index, opening, null)).join("") : "",
    token: ({ index, finishReason }, text) => part(index, shape.part(text), finishReason),
    close: () => (call.includeUsage ? chunk([], { usage: openaiUsage(answer) }) : "") + DONE_EVENT,
  };
}

function head(answer: Answer, object: string): object {
  return { id: answer.id, object, created: answer.createdSeconds, model: answer.model };
}
