import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";

/** Body fields that only a gateway may send. */
const GATEWAY_FIELDS = /^(kv_transfer_params|ec_transfer_params|bootstrap_.*)$/;

interface SeenRequest {
  path: string;
  headers: IncomingHttpHeaders;
  bodyBytes: number;
  /** Names of gateway fields in the body. */
  saw: string[];
}

/** What this server has seen on the wire, for tests to ask about. */
export class Traffic {
  readonly byPath: Record<string, number> = {};
  /** The last request for inference. */
  last: SeenRequest | undefined;
  /** Requests for anything, this one included, whose response has not ended. */
  inFlight = 0;

  begin(request: IncomingMessage, response: ServerResponse): void {
    const path = pathOf(request);
    this.byPath[path] = (this.byPath[path] ?? 0) + 1;
    this.inFlight++;
    response.once("close", () => {
      this.inFlight--;
    });
  }

  /** Remembers a request and returns the gateway fields of its body, comma-separated. */
  see(request: IncomingMessage, bytes: Buffer, body: object): string {
    const saw = Object.keys(body).filter((name) => GATEWAY_FIELDS.test(name));
    this.last = { path: pathOf(request), headers: request.headers, bodyBytes: bytes.length, saw };
    return saw.map((name) => name.replaceAll(/[^\w-]/g, "_")).join(",");
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "").split("?", 1)[0] as string;
}
