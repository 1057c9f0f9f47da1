// Where the process begins. Node keeps what it compiled, so that a restart takes half the time.

import { enableCompileCache } from "node:module";

enableCompileCache();
await import("./serve.ts");
