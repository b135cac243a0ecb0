export interface Statement {
  readonly Sid?: string;
  readonly Effect: "Allow" | "Deny";
  readonly Principal?: "*" | Readonly<Record<string, string>>;
  readonly Action?: string | readonly string[];
  readonly NotAction?: string | readonly string[];
  readonly Resource?: string | readonly string[];
  readonly NotResource?: string | readonly string[];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>>>>;
}

export const policy = (...statements: readonly Statement[]): string =>
  JSON.stringify({ Version: "2012-10-17", Statement: statements });

/** Lets a service of AWS assume a role; if `account` is given, only on behalf of that account. */
export const assumedBy = (service: string, account?: string): string =>
  policy({
    Effect: "Allow",
    Principal: { Service: service },
    Action: "sts:AssumeRole",
    ...(account && { Condition: { StringEquals: { "aws:SourceAccount": account } } }),
  });
