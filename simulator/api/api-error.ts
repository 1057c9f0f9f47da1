/** A refusal that the client sees as an HTTP status and an error body. */
export class ApiError extends Error {
  readonly status: number;
  /** The request's field that is wrong, if it is one field. */
  readonly param: string | null;

  constructor(status: number, message: string, param: string | null = null) {
    super(message);
    this.status = status;
    this.param = param;
  }
}

const OPENAI_TYPES: Record<number, string> = {
  400: "BadRequestError",
  404: "NotFoundError",
  413: "RequestEntityTooLargeError",
  429: "RateLimitError",
  500: "InternalServerError",
  503: "ServiceUnavailableError",
};

const ANTHROPIC_TYPES: Record<number, string> = {
  400: "invalid_request_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
};

/** The error object of vLLM's OpenAI server. */
export function openaiError(error: ApiError): object {
  const type = OPENAI_TYPES[error.status] ?? "InternalServerError";
  return { error: { message: error.message, type, param: error.param, code: error.status } };
}

/** The error object of Anthropic's messages API. */
export function anthropicError(error: ApiError): object {
  const type = ANTHROPIC_TYPES[error.status] ?? "api_error";
  return { type: "error", error: { type, message: error.message } };
}
