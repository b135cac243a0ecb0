/** A failure the operator can act on: shown as `error:` and `hint:`, without a stack trace. Exit code 1. */
export class UserError extends Error {
  readonly exitCode: number = 1;
  constructor(
    message: string,
    readonly hint?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** Another change is running on the host. Exit code 75 (EX_TEMPFAIL of sysexits.h). */
export class Busy extends UserError {
  override readonly exitCode = 75;
}

/** The operator pressed Ctrl-C. Exit code 130, as the shell does for SIGINT. */
export class Interrupted extends UserError {
  override readonly exitCode = 130;
}
