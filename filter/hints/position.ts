// How far the control plane has told this gateway: what the next poll says it knows.
import {
  POSITION_INDEX,
  POSITION_LOADS,
  POSITION_ORIGIN,
  POSITION_TABLE,
} from "../../protocol/records.ts";

class Position {
  table: u32 = 0;
  loads: u32 = 0;
  index: u32 = 0;
  /** Who counted these. */
  origin: u32 = 0;
  /** When they were told, or told to be still true. */
  toldAtMs: f64 = 0;

  take(view: DataView, at: u32, nowMs: f64): void {
    this.table = view.getUint32(at + POSITION_TABLE, true);
    this.loads = view.getUint32(at + POSITION_LOADS, true);
    this.index = view.getUint32(at + POSITION_INDEX, true);
    this.origin = view.getUint32(at + POSITION_ORIGIN, true);
    this.toldAtMs = nowMs;
  }

  /** Nothing is known: the next answer is a whole table. */
  forget(): void {
    this.table = 0;
    this.loads = 0;
    this.index = 0;
  }
}

export const position = new Position();
