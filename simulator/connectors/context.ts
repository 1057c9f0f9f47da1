import { randomUUID } from "node:crypto";
import type { Clock } from "../clock.ts";
import { Link, type LinkSpeed } from "./link.ts";

/** What a server may do in a disaggregated pool. */
export const ROLES = ["prefill", "decode", "encode", "both"] as const;
export type Role = (typeof ROLES)[number];

export interface TransferSettings {
  role: Role;
  link: LinkSpeed;
  bytesPerToken: number;
  blockTokens: number;
  tensorParallel: number;
  dataParallel: number;
  /** How long computed blocks wait for a decode server, in simulated milliseconds. */
  leaseMs: number;
  /** Folder of the shared store; undefined where there is none. */
  store: string | undefined;
}

/** What the connectors of one server share. */
export class TransferContext {
  readonly settings: TransferSettings;
  readonly link: Link;
  /** One for each data-parallel rank, and new with every start, as an engine's is. */
  readonly engineIds: readonly string[];
  readonly #clock: Clock;
  /** Where other servers, and bootstrap questions, reach this one; known once it listens. */
  address = { host: "", port: 0 };
  bootstrap = { host: "", port: 0 };

  constructor(settings: TransferSettings, clock: Clock) {
    this.settings = settings;
    this.#clock = clock;
    this.link = new Link(clock, settings.link, settings.bytesPerToken);
    this.engineIds = Array.from({ length: settings.dataParallel }, () => randomUUID());
  }

  /** Calls back when the lease of blocks ends; returns what stops it. */
  lease = (expire: () => void): (() => void) => this.#clock.wake(this.settings.leaseMs, expire);
}
