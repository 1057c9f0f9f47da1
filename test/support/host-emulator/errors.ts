/** The filter made a host call that the real host would not have served where it was made. */
export class UnexpectedHostCall extends Error {
  override readonly name = "UnexpectedHostCall";
}

/** The filter trapped. The cause is V8's own error; its stack names the functions of the filter. */
export class VmTrap extends Error {
  override readonly name = "VmTrap";

  constructor(callback: string, cause: unknown) {
    const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    super(`the filter trapped in ${callback}: ${why}`, { cause });
  }
}
