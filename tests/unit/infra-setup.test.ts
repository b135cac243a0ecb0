import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";
import { Machine, PROGRAMS, planSetup } from "../../provision/local/setup-plan";

const without = (...missing: string[]) => new Set(PROGRAMS.filter((program) => !missing.includes(program)));

const ready: Machine = {
  systems: ["debian"],
  isRoot: true,
  hasSystemd: true,
  dockerAnswers: true,
  hasDockerCe: false,
  programs: without(),
};

test.each<[what: string, machine: Partial<Machine>, summaries: string[]]>([
  ["nothing is missing", {}, []],
  ["nothing is missing, on another system, as anybody", { systems: ["fedora"], isRoot: false }, []],
  [
    "no engine",
    { dockerAnswers: false, programs: without("dockerd") },
    ["install docker.io with apt", "start Docker, now and at every boot"],
  ],
  [
    "no engine, no systemd",
    { dockerAnswers: false, hasSystemd: false, programs: without("dockerd", "iptables") },
    ["install docker.io, iptables with apt", "start dockerd (there is no systemd here)"],
  ],
  ["an engine that does not run", { dockerAnswers: false }, ["start Docker, now and at every boot"]],
  [
    "an engine without a client",
    { dockerAnswers: false, programs: without("docker") },
    ["install docker.io with apt", "start Docker, now and at every boot"],
  ],
  ["docker-ce that does not run", { dockerAnswers: false, hasDockerCe: true }, ["start Docker, now and at every boot"]],
  [
    "Ubuntu's relatives",
    { systems: ["pop", "ubuntu", "debian"], programs: without("mmdebstrap") },
    ["install mmdebstrap with apt"],
  ],
  ["mmdebstrap is not for everybody", { isRoot: false, programs: without("mmdebstrap") }, []],
  ["no ssh", { programs: without("ssh", "ssh-keygen") }, ["install openssh-client with apt"]],
])("%s", (_what, machine, summaries) => {
  expect(planSetup({ ...ready, ...machine }).map(({ summary }) => summary)).toEqual(summaries);
});

test.each<[what: string, machine: Partial<Machine>, message: RegExp]>([
  ["no Docker on another system", { systems: ["arch"], dockerAnswers: false }, /Docker does not answer/],
  ["no Docker and no root", { isRoot: false, dockerAnswers: false }, /Docker does not answer/],
  [
    "half of docker-ce",
    { hasDockerCe: true, dockerAnswers: false, programs: without("dockerd") },
    /Docker does not answer/,
  ],
])("only the operator can help: %s", (_what, machine, message) => {
  expect(() => planSetup({ ...ready, ...machine })).toThrow(message);
});

describe("make setup on a machine with OpenTofu and no Terraform", () => {
  const folder = mkdtempSync(join(tmpdir(), "setup-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  beforeAll(() => {
    for (const program of [...PROGRAMS, "tofu"]) writeFileSync(join(folder, program), "#!/bin/sh\n", { mode: 0o755 });
  });
  const setup = (TERRAFORM: string) => {
    const env = { PATH: folder, TERRAFORM, DEPLOYMENT: "local" };
    const args = ["--require", "tsx/cjs", "provision/setup.ts"];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, env, encoding: "utf8" });
    return { status, said: stdout || stderr.replace(/^local: .*\n/, "") };
  };

  test.each(["tofu", join(folder, "tofu")])("TERRAFORM=%s: nothing is missing", (program) =>
    expect(setup(program)).toEqual({ status: 0, said: "this machine has all that is needed\n" }),
  );
  test("without a word, Terraform is: both ways out are told", () =>
    expect(setup("")).toEqual({
      status: 1,
      said: expect.stringMatching(/^error: terraform is not installed\nhint: .*hashicorp.*TERRAFORM=tofu/),
    }));
});
