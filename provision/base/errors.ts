/** A failure that the operator can act on. It is shown as `error:` and `hint:`, without a stack trace. Exit code 1. */
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

/** Somebody else is changing the host, or the infrastructure (Terraform's lock). Exit code 75 (EX_TEMPFAIL of sysexits.h). */
export class Busy extends UserError {
  override readonly exitCode = 75;
}

/** Ctrl-C or another signal ended the verb. Exit code 130, which shells use for SIGINT. */
export class Interrupted extends UserError {
  override readonly exitCode = 130;
}
