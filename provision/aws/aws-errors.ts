import type { AwsTarget } from "./target";
import { UserError } from "../base/errors";
import { printable } from "../base/text";

type Failure = Error & {
  readonly code?: string;
  readonly $metadata?: { readonly httpStatusCode?: number; readonly attempts?: number };
};

interface Rule {
  readonly is: RegExp;
  readonly message: string;
  readonly hint: string;
}

const LOGIN = "log in again (aws sso login), or renew AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN";

/** Rules by the names of the errors of AWS's services and library. The first rule that fits is used. */
const RULES: readonly Rule[] = [
  {
    is: /^(ExpiredToken|ExpiredTokenException|RequestExpired)\b|(token|session).*expired|expired.*(token|session)/i,
    message: "your AWS credentials have expired",
    hint: LOGIN,
  },
  {
    is: /^(CredentialsProviderError|TokenProviderError)\b|Could not load credentials|Credential is missing/i,
    message: "there are no AWS credentials",
    hint: "log in (aws sso login), or set aws.profile: credentials are found as AWS's own tools find them",
  },
  {
    is: /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|AuthFailure|SignatureDoesNotMatch|IncompleteSignature)\b/,
    message: "AWS does not accept these credentials",
    hint: "check that key and secret are complete and still active, and that this machine's clock is right",
  },
  {
    is: /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|Forbidden)\b/,
    message: "these credentials may not do this",
    hint: "docs/aws.md has the policy that an operator needs",
  },
  {
    is: /^(Throttling|ThrottlingException|ThrottledException|RequestThrottled|RequestLimitExceeded|TooManyRequestsException|SlowDown|Client\.RequestLimitExceeded)\b/,
    message: "AWS throttles this account's calls",
    hint: "wait a minute, then run the same verb again",
  },
  {
    is: /^(InvalidInstanceID\.(NotFound|Malformed))\b/,
    message: "there is no such instance in this account and region",
    hint: "run make infrastructure",
  },
  {
    is: /^OptInRequired\b/,
    message: "the region is not enabled for this account",
    hint: "enable it in the account's settings, or choose another: aws.region",
  },
  {
    is: /ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|EPIPE|socket hang up|certificate/i,
    message: "AWS cannot be reached",
    hint: "check your network, proxy and AWS_ENDPOINT_URL",
  },
  {
    is: /^TimeoutError\b|ETIMEDOUT|timed? ?out/i,
    message: "AWS does not answer in time",
    hint: "check your network, then run the same verb again",
  },
  {
    is: /ENOTFOUND|EAI_AGAIN/,
    message: "the name of the region's servers cannot be resolved",
    hint: "check that this machine is online and aws.region is right",
  },
];

/** Explains a failed call to the operator, followed by the library's own message. @param what as for `call` */
export function awsError(what: string, { region, profile }: AwsTarget, error: Error): UserError {
  const { name, code, message, $metadata } = error as Failure;
  const status = $metadata?.httpStatusCode ?? 0;
  const text = [name, code, message].filter(Boolean).join(" ");
  const rule = RULES.find(({ is }) => is.test(text) || is.test(message));
  const told =
    rule ??
    (status >= 500
      ? {
          message: `AWS has a problem of its own (HTTP ${status})`,
          hint: "try again in a few minutes",
        }
      : { message: "AWS refused the call", hint: undefined });
  const said = printable(message).replace(/\s+/g, " ").trim().slice(0, 300);
  return new UserError(
    `cannot ${what} (${[region, ...(profile ? [`profile ${profile}`] : [])].join(", ")}): ${told.message}: ${said || name}`,
    told.hint,
    { cause: error },
  );
}
