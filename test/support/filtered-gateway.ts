// A gateway of the host emulator whose workers run the shipped filter, and the control plane at the
// other end of its link, which says what a test tells it to say.
import { filterModule } from "./filter-module.ts";
import { SentRecords } from "./frames-read.ts";
import { tableOf } from "./hints-written.ts";
import type { HttpCall } from "./host-emulator/calls.ts";
import { Gateway } from "./host-emulator/gateway.ts";
import type { Vm, VmOptions } from "./host-emulator/vm.ts";

export const CONTROL_PLANE = "control-plane";
/** After this long all workers know of each other. */
const MEETING_MS = 600;
const STEP_MS = 5;

export interface GatewayOptions {
  readonly workers?: number;
  readonly attachment?: "pause" | "buffer";
  /** What the control plane says first; null leaves the gateway without hints. */
  readonly hints?: Buffer | null;
  /** Beside the control plane's. */
  readonly clusters?: readonly string[];
  readonly vm?: Partial<VmOptions>;
}

export class FilteredGateway extends Gateway {
  readonly workers: Vm[] = [];
  /** What the control plane was told in reports, all in all. */
  readonly told = new SentRecords();
  reportCount = 0;
  /** Reports are answered so; null leaves them unanswered. */
  reportStatus: number | null = 200;
  readonly #options: GatewayOptions;

  /** Starts the workers; with hints, they all have them and know of each other. */
  constructor(options: GatewayOptions = {}) {
    super({ clusters: [CONTROL_PLANE, ...(options.clusters ?? [])] });
    this.#options = options;
    for (let worker = 0; worker < (options.workers ?? 1); worker++) this.startWorker();
    if (options.hints === null) return;
    this.run(STEP_MS * 2);
    this.hint(options.hints ?? tableOf(3));
    this.run((options.workers ?? 1) > 1 ? MEETING_MS : STEP_MS * 2);
  }

  /** The first worker. */
  get worker(): Vm {
    return this.workers[0]!;
  }

  startWorker(configuration: Readonly<Record<string, string>> = {}): Vm {
    const vm = this.startVm({
      module: filterModule(),
      vmId: "hintway",
      pluginConfiguration: JSON.stringify({
        attachment: this.#options.attachment ?? "pause",
        controlPlaneCluster: CONTROL_PLANE,
        token: "secret",
        ...configuration,
      }),
      bytesHeldMax: 64 * 1024 * 1024,
      ...this.#options.vm,
    });
    this.workers.push(vm);
    // Started in the same moment, they would draw the same random numbers.
    this.nowMs += 0.25;
    return vm;
  }

  /** Lets time pass, with the control plane taking reports. */
  run(forMs: number): void {
    for (let passed = 0; passed < forMs; passed += STEP_MS) {
      this.advance(Math.min(STEP_MS, forMs - passed));
      this.takeReports();
    }
  }

  /** The poll that waits for an answer. */
  get poll(): HttpCall | undefined {
    return this.#callsOf("/v1/hints")[0];
  }

  get reports(): HttpCall[] {
    return this.#callsOf("/v1/reports");
  }

  /** Answers the poll with hints, and lets them reach all workers. */
  hint(frame: Buffer): void {
    this.answerPoll(200, frame);
  }

  answerPoll(status: number, body: Uint8Array = new Uint8Array(0)): void {
    if (!this.poll) throw new Error("no poll waits for an answer");
    this.answer(this.poll, { status, body });
    this.deliver();
  }

  /** What a poll says. */
  readPoll(call = this.poll): SentRecords {
    const records = new SentRecords();
    records.add(call!.body);
    return records;
  }

  takeReports(): void {
    if (this.reportStatus === null) return;
    for (const call of this.reports) {
      this.reportCount++;
      if (this.reportStatus === 200) this.told.add(call.body);
      this.answer(call, { status: this.reportStatus });
    }
  }

  /** The value of a counter of the filter; what was counted since the last write included. */
  counter(name: string): number {
    this.run(300);
    return this.metric(`hintway.${name}`) ?? 0;
  }

  /** All gauges of what is in flight that are not zero. */
  flightGauges(): Record<string, number> {
    this.run(600);
    const flight = this.metrics.all().filter(({ name }) => /slot_\d+\.machine/.test(name));
    const busy = flight.filter(({ value }) => value !== 0);
    return Object.fromEntries(busy.map(({ name, value }) => [name, value]));
  }

  #callsOf(path: string): HttpCall[] {
    return this.callsTo(CONTROL_PLANE).filter((call) => call.headers.get(":path") === path);
  }
}
