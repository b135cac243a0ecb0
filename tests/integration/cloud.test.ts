import { AwsTarget } from "../../provision/aws/target";
import { checkAccount } from "../../provision/aws/aws";
import { checkOffer, checkZones, consoleOutput } from "../../provision/aws/ec2";
import { isBucketEmpty } from "../../provision/aws/buckets";
import { makeStateBucket } from "../../provision/aws/state-bucket";
import { awsError } from "../../provision/aws/aws-errors";
import { learnHostKeys } from "../../provision/stacks/host-keys";
import {
  Answer,
  AwsStub,
  awsEnvironmentOf,
  consoleOutput as console,
  ec2Error,
  identity,
  startAwsStub,
  stsError,
  offered,
} from "../support/aws-stub";
import { errorOf } from "../support/capture";
import { infrastructureOf } from "../../provision/stacks/infrastructure-of";
import { context } from "../support/context";

const TARGET: AwsTarget = { account: "123456789012", region: "eu-central-1" };
const before = { ...process.env };
let aws: AwsStub;

beforeAll(async () => {
  aws = await startAwsStub();
  Object.assign(process.env, awsEnvironmentOf(aws.url));
});
afterAll(async () => {
  process.env = before;
  await aws.stop();
});
beforeEach(() => aws.calls.splice(0));

test("the account of the deployment file is the one that is worked in", async () => {
  aws.answer = () => identity("123456789012");
  await checkAccount(TARGET);
  expect(aws.calls).toEqual(["GetCallerIdentity"]);
});

test.each<[string, Answer, RegExp, number]>([
  [
    "of another account",
    identity("210987654321"),
    /credentials are of the AWS account 210987654321, but the deployment is in 123456789012/,
    1,
  ],
  [
    "the root user's",
    identity("123456789012", "arn:aws:iam::123456789012:root"),
    /are those of the root user of 123456789012/,
    1,
  ],
  [
    "expired",
    stsError(403, "ExpiredToken", "The security token included in the request is expired"),
    /your AWS credentials have expired/,
    1,
  ],
  ["unknown", stsError(403, "InvalidClientTokenId"), /AWS does not accept these credentials/, 1],
  ["wrongly signed", stsError(403, "SignatureDoesNotMatch"), /AWS does not accept these credentials/, 1],
  [
    "not allowed to",
    stsError(403, "AccessDenied", "User: x is not authorized to perform: y"),
    /these credentials may not do this: User: x/,
    1,
  ],
  ["of a closed region", stsError(403, "OptInRequired"), /region is not enabled/, 1],
  ["throttled", stsError(400, "Throttling", "Rate exceeded"), /AWS throttles this account's calls/, 4],
  ["met by a trouble of AWS's", { status: 503, body: "<x/>" }, /AWS has a problem of its own \(HTTP 503\)/, 4],
  ["cut off", { drop: true }, /AWS cannot be reached/, 4],
])("credentials %s are told plainly, after a bounded number of tries", async (_what, answer, message, tries) => {
  aws.answer = () => answer;
  const error = await errorOf(checkAccount(TARGET));
  expect(error.message).toMatch(message);
  expect(error.hint).toBeTruthy();
  expect(aws.calls).toHaveLength(tries);
});

test("a server that is not there", async () => {
  process.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1";
  expect((await errorOf(checkAccount(TARGET))).message).toMatch(/AWS cannot be reached: .*ECONNREFUSED/);
  process.env["AWS_ENDPOINT_URL"] = aws.url;
});

test.each<[string, NodeJS.ProcessEnv, Partial<AwsTarget>, RegExp]>([
  [
    "no credentials",
    { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined },
    {},
    /there are no AWS credentials/,
  ],
  [
    "a profile that is not there",
    {},
    { profile: "nobody" },
    /\(eu-central-1, profile nobody\): there are no AWS credentials/,
  ],
])("%s: nothing is sent", async (_what, env, target, message) => {
  const kept = { ...process.env };
  for (const [name, value] of Object.entries(env)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
  const error = await errorOf(checkAccount({ ...TARGET, ...target }));
  process.env = kept;
  expect(error.message).toMatch(message);
  expect(aws.calls).toEqual([]);
});

test("a time-out", () => {
  const error = awsError("x", TARGET, Object.assign(new Error("Request timed out"), { name: "TimeoutError" }));
  expect(error.message).toBe("cannot x (eu-central-1): AWS does not answer in time: Request timed out");
});

test("the secret key is in no error", async () => {
  aws.answer = () => stsError(403, "SignatureDoesNotMatch");
  process.env["AWS_SECRET_ACCESS_KEY"] = "hush-hush";
  const { message, hint } = await errorOf(checkAccount(TARGET));
  process.env["AWS_SECRET_ACCESS_KEY"] = "testing";
  expect(`${message}${hint}`).not.toContain("hush-hush");
});

const offers = (...zones: string[]): Answer => ({
  body: `<DescribeInstanceTypeOfferingsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><instanceTypeOfferingSet>${zones
    .map((zone) => `<item><instanceType>t3.large</instanceType><location>${zone}</location></item>`)
    .join("")}</instanceTypeOfferingSet></DescribeInstanceTypeOfferingsResponse>`,
});

test.each<[string, Answer, RegExp | undefined]>([
  ["is offered", offers("eu-central-1a", "eu-central-1b"), undefined],
  [
    "is offered in other zones only",
    offers("eu-central-1c", "eu-central-1b"),
    /zone eu-central-1a has no instance type t3.large/,
  ],
  ["is unknown in the region", offers(), /region eu-central-1 has no instance type t3.large/],
])("an instance type that %s", async (_what, answer, message) => {
  aws.answer = () => answer;
  const work = checkOffer(TARGET, "t3.large", "eu-central-1a");
  if (message) expect((await errorOf(work)).message).toMatch(message);
  else await work;
});

test("a zone that the account does not have is named, with those that it has", async () => {
  aws.answer = () => offered("eu-central-1a");
  await checkZones(TARGET, { zone: "eu-central-1a", secondZone: "eu-central-1b" });
  const error = await errorOf(checkZones(TARGET, { zone: "eu-central-1a", secondZone: "eu-central-1d" }));
  expect([error.message, error.hint]).toEqual([
    "this account has no zone eu-central-1d",
    "it has eu-central-1a, eu-central-1b, eu-central-1c; see aws.secondZone",
  ]);
});

test.each<[string, (action: string) => Answer]>([
  ["has taken and hides", () => ({ status: 403 })],
  ["has in another region", () => ({ status: 301 })],
  [
    "takes at the same time",
    (action) =>
      action.startsWith("HEAD")
        ? { status: 404 }
        : { status: 409, body: "<Error><Code>BucketAlreadyExists</Code><Message>x</Message></Error>" },
  ],
])("a bucket's name that somebody else %s", async (_what, answer) => {
  aws.answer = answer;
  const error = await errorOf(makeStateBucket(TARGET, "our-state"));
  expect(error.message).toMatch(/the bucket our-state belongs to somebody else/);
  expect(error.hint).toMatch(/aws.stateBucket/);
});

test("every call to S3 says whose bucket is meant: a stranger's of the same name is refused by S3 itself", async () => {
  for (const list of [aws.headers, aws.bodies]) list.splice(0);
  // There is none yet; whatever is put is taken.
  aws.answer = (action) => (action.startsWith("HEAD") ? { status: 404 } : {});
  expect(await makeStateBucket(TARGET, "our-state")).toBe("created");
  await isBucketEmpty(TARGET, "our-state");
  expect(aws.calls).toHaveLength(8);
  const unnamed = aws.calls.filter((_, i) => aws.headers[i]!["x-amz-expected-bucket-owner"] !== TARGET.account);
  // What is made is ours.
  expect(unnamed).toEqual(["PUT /our-state/"]);
});

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEg7Zb8zvjyZrMStLIqzqWjCaSzvBgM8JqXhRvzX7v1C";
const SHOWN = `-----BEGIN SSH HOST KEY KEYS-----\n${KEY} root@ip\n-----END SSH HOST KEY KEYS-----\n`;
const DEPLOYMENT = { infrastructure: "aws", aws: TARGET } as any;
const HOST = { id: "i-0abc" } as any;

test("the console is read as EC2 encodes it, and as it is now: not as it was at the last boot", async () => {
  aws.answer = () => console("später\n");
  expect(await consoleOutput(TARGET, "i-0abc")).toBe("später\n");
  expect(new URLSearchParams(aws.bodies.at(-1)).get("Latest")).toBe("true");
});

const keys = infrastructureOf(context, DEPLOYMENT).hostKeys;

test("the host's key is waited for until the console shows it", async () => {
  aws.answer = () => console(aws.calls.length < 2 ? "" : SHOWN);
  expect(await learnHostKeys(context, keys, HOST)).toEqual([KEY]);
  expect(aws.calls).toEqual(["GetConsoleOutput", "GetConsoleOutput"]);
});

test.each<[string, Answer, RegExp, RegExp]>([
  [
    "stays empty",
    console(""),
    /i-0abc has not shown its SSH host key after/,
    /read \/etc\/ssh\/ssh_host_ed25519_key.pub in another safe way/,
  ],
  [
    "may not be read",
    ec2Error(403, "UnauthorizedOperation"),
    /cannot read the console of i-0abc .*may not do this/,
    /docs\/aws.md/,
  ],
  [
    "is of an instance that is gone",
    ec2Error(400, "InvalidInstanceID.NotFound"),
    /there is no such instance/,
    /make infrastructure/,
  ],
])("without a console there is no connection: one that %s", async (_what, answer, message, hint) => {
  aws.answer = () => answer;
  const error = await errorOf(learnHostKeys(context, { ...keys, seconds: 0 }, HOST));
  expect(error.message).toMatch(message);
  expect(error.hint).toMatch(hint);
});
