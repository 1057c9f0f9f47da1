// The root context that ticks and calls for this machine: the one configured last.
export let root: u32 = 0;

export function setRoot(context: u32): void {
  root = context;
}

export function isRoot(context: u32): bool {
  return context === root;
}
