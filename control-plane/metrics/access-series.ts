// Who gets through to the control plane, and who does not.
import { Counter, type Registry } from "prom-client";

export class AccessSeries {
  readonly #tlsRefused: Counter;
  readonly #tokenUses: Counter<"token">;
  readonly #tokensRefused: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#tlsRefused = new Counter({
      name: "hintway_tls_refused_total",
      help: "Connections that did not get through TLS.",
      registers,
    });
    this.#tokenUses = new Counter({
      name: "hintway_token_uses_total",
      help: "Calls of gateways, by the place in its file of the token that they showed.",
      labelNames: ["token"],
      registers,
    });
    this.#tokensRefused = new Counter({
      name: "hintway_tokens_refused_total",
      help: "Calls without a token that is accepted.",
      registers,
    });
  }

  tlsRefused(): void {
    this.#tlsRefused.inc();
  }

  /** `place` counts from 1. */
  tokenUsed(place: number): void {
    this.#tokenUses.inc({ token: String(place) });
  }

  tokenRefused(): void {
    this.#tokensRefused.inc();
  }

  /** Places mean other tokens from here on. */
  tokensReplaced(): void {
    this.#tokenUses.reset();
  }
}
