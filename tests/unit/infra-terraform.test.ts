import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bytes } from "../../provision/local/local-docker";
import { parseDocument } from "../../provision/stacks/terraform-run";
import { parseEvents, terraformError } from "../../provision/stacks/terraform-errors";
import { awsDeployment } from "../support/aws";
import { plannedChanges, summarize } from "../../provision/stacks/planned-changes";

const planned = (address: string, ...actions: string[]) => ({
  address,
  type: address.split(".")[0]!,
  change: { actions, before: {}, after: {} },
});

test("a plan becomes one line a change, in the order of the configuration: the host is created before it is started", () => {
  const descriptions = {
    "terraform_data.host": { summary: "host x" },
    "terraform_data.boot": { summary: "it", verb: "start" },
  };
  const resource_changes = [
    planned("made_up.thing", "delete"),
    planned("terraform_data.boot", "delete", "create"),
    planned("terraform_data.host", "create"),
    planned("aws_ami.read", "read"),
    planned("aws_vpc.vpc", "no-op"),
  ];
  const { changes, text } = summarize(plannedChanges("host", { resource_changes }, descriptions));
  expect(text).toBe("host: create host x\nhost: start it\nhost: destroy made_up.thing");
  expect(changes.map(({ action }) => action)).toEqual(["create", "replace", "delete"]);
});

test("lines that are no events are left out", () => {
  expect(parseEvents('Warning: x\n{"type":"version"}\n{cut\n\n')).toEqual([{ type: "version" }]);
});

test("what stands before a document is left out", () => {
  expect(parseDocument('\nWarning: no configuration {here}\n{"a":\n{}}\n')).toEqual({ a: {} });
});

const diagnostic = (summary: string, detail = "") => [
  { type: "diagnostic", diagnostic: { severity: "error", summary, detail } },
];

test.each<
  [what: string, events: Parameters<typeof terraformError>[2], text: string, exitCode: number, message: RegExp]
>([
  [
    "another run holds the state",
    diagnostic("Error acquiring the state lock", "Lock Info:\n  Who:       ada@laptop\n"),
    "",
    75,
    /being changed by ada@laptop$/,
  ],
  ["an old terraform", [], "Error: Unsupported Terraform Core version", 1, /^terraform is too old$/],
  [
    "a broken state",
    diagnostic("Error refreshing state", "unexpected end of JSON input"),
    "",
    1,
    /^Terraform cannot read the state of host/,
  ],
  [
    "a script's own words",
    diagnostic(
      "local-exec provisioner error",
      "Error running command 'sh x.sh': exit status 1. Output: no space left\n",
    ),
    "",
    1,
    /stack host: no space left$/,
  ],
  ["anything else", [], "boom red", 1, /stack host: boom red$/],
])("an error of terraform: %s", (_what, events, text, exitCode, message) => {
  const error = terraformError(awsDeployment("/x"), "host", events, text);
  expect(error.message).toMatch(message);
  expect(error.exitCode).toBe(exitCode);
});

test.each([
  ["0B", 0],
  ["12.5kB", 12_500],
  ["1.5GB", 1_500_000_000],
  ["N/A", 0],
])("docker's size %s", (text, expected) => expect(bytes(text)).toBe(expected));

describe("a broken state: where an earlier one is", () => {
  const folder = mkdtempSync(join(tmpdir(), "state-"));
  const hintFor = (aws: Record<string, unknown>): string | undefined =>
    terraformError(awsDeployment(folder, aws), "host", [], "unexpected end of JSON input").hint;

  test("in a bucket", () =>
    expect(hintFor({ state: "s3" })).toBe(
      "the bucket airflow-state-123456789012-eu-central-1 keeps earlier versions of production/host.tfstate",
    ));

  test("beside it, if there is one", () => {
    const file = join(awsDeployment(folder, {}).paths.terraformState, "host.tfstate");
    expect(hintFor({})).toBe(`restore ${file} from a backup of yours: there is no earlier state beside it`);
    writeFileSync(`${file}.backup`, "{}");
    expect(hintFor({})).toBe(`${file}.backup is the state before the last change`);
  });
});

test("who holds the state is told with a line that frees it, whatever the folder is called", () => {
  const lock = "Error acquiring the state lock: Lock Info:\n  ID:        1-2\n  Who:       ada@laptop\n";
  expect(terraformError(awsDeployment("/a b"), "host", [], lock).hint).toBe(
    "wait until that run has ended; if you are sure that it is dead: TF_DATA_DIR='/a b/production/terraform/host' terraform -chdir='/a b/production/cdktf.out/stacks/host' force-unlock 1-2",
  );
});
