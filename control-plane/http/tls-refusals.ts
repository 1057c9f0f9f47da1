// What is told of clients that do not get through TLS. Envoy tries again and again: each is counted, and
// the log says it now and then.
import type { ControlPlane } from "../control-plane.ts";

const PAUSE_MS = 10_000;

const REMEDY =
  "a client does not get through TLS: see that it speaks TLS, trusts the CA of --tls-cert, and asks for a " +
  "name that is in it";

/** What `Tls.follow` calls. */
export function tlsRefusals(controlPlane: Pick<ControlPlane, "series" | "now" | "log">) {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return (client: string, reason: string): void => {
    controlPlane.series.access.tlsRefused();
    const nowMs = controlPlane.now();
    if (nowMs < toldAtMs + PAUSE_MS) return;
    toldAtMs = nowMs;
    controlPlane.log.warn({ event: "tls-refused", client, reason }, REMEDY);
  };
}
