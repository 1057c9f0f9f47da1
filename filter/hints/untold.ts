// Records that the control plane may never have been told: those since the holder of the lease was
// last heard. Should it be gone, the next holder reports them; what the last one was told in its last
// moments is then reported twice rather than not at all.
import { counters } from "./counters.ts";
import { RecordBuffer } from "./record-buffer.ts";
import { generation } from "./table.ts";

const UNTOLD_BYTES_MAX: u32 = 512 * 1024;
const untold = new RecordBuffer(UNTOLD_BYTES_MAX);
/** The table whose slots the records name. */
let generationOf: u32 = 0;

/** The holder of the lease is there, and reports what it hears. */
export function forgetUntold(): void {
  untold.clear();
}

/** Where records go that no holder is known to have reported. */
export function untoldRecords(): RecordBuffer {
  if (generationOf !== generation) untold.clear();
  generationOf = generation;
  return untold;
}

/** The lease has passed to this machine. */
export function moveUntoldTo(reports: RecordBuffer): void {
  const records = untoldRecords();
  if (!records.isEmpty && !reports.copyAll(records)) counters.recordsDropped++;
  records.clear();
}
