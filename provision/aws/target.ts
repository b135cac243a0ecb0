/** The account and the region: the part of a deployment's `aws` settings that every call needs. */
export interface AwsTarget {
  readonly account: string;
  readonly region: string;
  readonly profile?: string | undefined;
}
