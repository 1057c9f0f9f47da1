// The load generator as a process of its own: takes one Load at a time from its parent, answers with
// what it measured.

import { type Load, runLoad } from "./parts/load.ts";

process.on("message", async (load: Load) => {
  process.send?.(await runLoad(load));
});
process.on("disconnect", () => process.exit(0));
