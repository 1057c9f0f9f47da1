import { expect, it } from "vitest";
import { emptyReading } from "../../../control-plane/engines/reading.ts";
import { Endpoint } from "../../../control-plane/pool/endpoint.ts";
import { STATE_DOWN, STATE_UP } from "../../../protocol/records.ts";

const DISCOVERED = {
  ...{ name: "a", namespace: "default", address: "10.0.0.1", port: 8000, labels: {} },
};

function worked(atMs = 0): Endpoint {
  const endpoint = new Endpoint(DISCOVERED, false);
  endpoint.takeReading(emptyReading("vllm"), atMs);
  return endpoint;
}

it("an endpoint is down at the first probe that is refused", () => {
  const endpoint = worked();
  expect(endpoint.takeFailure("connect ECONNREFUSED", true)).toBe(true);
  expect(endpoint.state).toBe(STATE_DOWN);
});

it("an endpoint that worked is down at the third probe in a row that is slow", () => {
  const endpoint = worked();
  const slow = () => endpoint.takeFailure("timeout", false);
  slow();
  slow();
  endpoint.takeReading(emptyReading("vllm"), 1);
  expect([slow(), slow(), endpoint.state, slow(), endpoint.state]).toEqual([
    ...[false, false, STATE_UP],
    ...[true, STATE_DOWN],
  ]);
});

it("an endpoint that never worked is down at its first failed probe, trusted or not", () => {
  const endpoint = new Endpoint(DISCOVERED, true);
  expect(endpoint.state).toBe(STATE_UP);
  endpoint.takeFailure("timeout", false);
  expect(endpoint.state).toBe(STATE_DOWN);
});

it("a gateway's word alone changes nothing, and a failed probe after it is believed", () => {
  const endpoint = worked();
  endpoint.suspect(10);
  expect(endpoint.state).toBe(STATE_UP);
  endpoint.takeFailure("timeout", false);
  expect(endpoint.state).toBe(STATE_DOWN);
});

it("only a good probe that began after the failure clears the suspicion", () => {
  const endpoint = worked();
  endpoint.suspect(10);
  endpoint.takeReading(emptyReading("vllm"), 9);
  endpoint.takeFailure("timeout", false);
  expect(endpoint.state).toBe(STATE_DOWN);
  endpoint.takeReading(emptyReading("vllm"), 11);
  expect(endpoint.state).toBe(STATE_UP);
  endpoint.takeFailure("timeout", false);
  expect(endpoint.state).toBe(STATE_UP);
});
