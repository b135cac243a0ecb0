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

const LOGIN = "log in again: aws sso login, or renew AWS_ACCESS_KEY_ID and its companions";

/** By the names that the services and AWS's own library give their errors; the first that fits. */
const RULES: readonly Rule[] = [
  {
    is: /^(ExpiredToken|ExpiredTokenException|RequestExpired)\b|(token|session).*expired|expired.*(token|session)/i,
    message: "your AWS credentials have expired",
    hint: LOGIN,
  },
  {
    is: /^(CredentialsProviderError|TokenProviderError)\b|Could not load credentials|Credential is missing/i,
    message: "there are no AWS credentials",
    hint: "log in (aws sso login), or see aws.profile: everything that AWS's own tools know works",
  },
  {
    is: /^(InvalidClientTokenId|UnrecognizedClientException|InvalidAccessKeyId|AuthFailure|SignatureDoesNotMatch|IncompleteSignature)\b/,
    message: "AWS does not accept these credentials",
    hint: "are key and secret whole and still active, and is this machine's clock right?",
  },
  {
    is: /^(AccessDenied|AccessDeniedException|UnauthorizedOperation|Forbidden)\b/,
    message: "these credentials may not do this",
    hint: "docs/aws.md has the policy that an operator needs",
  },
  {
    is: /^(Throttling|ThrottlingException|ThrottledException|RequestThrottled|RequestLimitExceeded|TooManyRequestsException|SlowDown|Client\.RequestLimitExceeded)\b/,
    message: "AWS throttles this account's calls",
    hint: "nothing was touched; wait a minute, then run the same verb again",
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
    hint: "see your network, proxy and AWS_ENDPOINT_URL",
  },
  {
    is: /^TimeoutError\b|ETIMEDOUT|timed? ?out/i,
    message: "AWS does not answer in time",
    hint: "nothing was touched; see your network, then run the same verb again",
  },
  {
    is: /ENOTFOUND|EAI_AGAIN/,
    message: "the region's servers have no address",
    hint: "is this machine online, and aws.region right?",
  },
];

/** A failed call in an operator's words; what the library said comes after it. */
export function awsError(what: string, { region, profile }: AwsTarget, error: Error): UserError {
  const { name, code, message, $metadata } = error as Failure;
  const status = $metadata?.httpStatusCode ?? 0;
  const text = [name, code, message].filter(Boolean).join(" ");
  const rule = RULES.find(({ is }) => is.test(text) || is.test(message));
  const told =
    rule ??
    (status >= 500
      ? {
          message: `AWS has a trouble of its own (HTTP ${status})`,
          hint: "nothing was touched; try again in some minutes",
        }
      : { message: "AWS refused", hint: undefined });
  const said = printable(message).replace(/\s+/g, " ").trim().slice(0, 300);
  return new UserError(
    `cannot ${what} (${[region, ...(profile ? [`profile ${profile}`] : [])].join(", ")}): ${told.message}: ${said || name}`,
    told.hint,
    { cause: error },
  );
}
