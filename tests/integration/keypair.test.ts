import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "../../provision/deployment/paths";

// `make keypair` as an operator runs it, in a folder of its own.
let state: string;
let keys: string;
beforeEach(() => {
  state = mkdtempSync(join(tmpdir(), "keypair-"));
  keys = join(state, "local/keys");
});
afterEach(() => rmSync(state, { recursive: true }));

function keypair(variables: Record<string, string> = {}) {
  const env = { ...process.env, DEPLOYMENT: "local", AIRFLOW_STATE: state, ...variables };
  const options = { cwd: ROOT, env, encoding: "utf8" } as const;
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--require", "tsx/cjs", "provision/keypair.ts"],
    options,
  );
  return { status, stdout, stderr };
}
const read = (file: string): string => readFileSync(join(keys, file), "utf8");

test("a private half that is elsewhere is not made anew: the public half stays", () => {
  expect(keypair()).toMatchObject({ status: 0 });
  const before = read("ssh.pub");
  rmSync(join(keys, "ssh"));
  expect(keypair()).toMatchObject({
    status: 0,
    stderr: expect.stringContaining(`kept ${keys}/ssh.pub: its private half is not at ${keys}/ssh`),
    stdout: expect.stringContaining(before.trim()),
  });
  expect(read("ssh.pub")).toBe(before);
  expect(existsSync(join(keys, "ssh"))).toBe(false);
});

test("a lost public half is written from the private one", () => {
  keypair();
  const [before, secret] = [read("ssh.pub"), read("ssh")];
  rmSync(join(keys, "ssh.pub"));
  expect(keypair()).toMatchObject({ status: 0, stderr: expect.stringContaining("from its private half") });
  expect([read("ssh.pub").trim(), read("ssh")]).toEqual([before.trim(), secret]);
});

test("keys that are links to a stick that is away stay, and nothing is made in their place", () => {
  keypair();
  const stick = join(state, "stick");
  mkdirSync(stick);
  for (const file of ["ssh", "ssh.pub", "age"]) {
    renameSync(join(keys, file), join(stick, file));
    symlinkSync(join(stick, file), join(keys, file));
  }
  renameSync(stick, `${stick}-away`);
  expect(keypair()).toMatchObject({ status: 1, stderr: expect.stringMatching(/error: the keys already exist/) });
  rmSync(join(keys, "ssh.pub"));
  writeFileSync(join(keys, "ssh.pub"), "ssh-ed25519 AAAA ann\n");
  expect(keypair()).toMatchObject({ status: 1 });
  expect([existsSync(join(keys, "ssh")), read("ssh.pub")]).toEqual([false, "ssh-ed25519 AAAA ann\n"]);
});

test("a key folder that is a link to a stick that is away is named", () => {
  mkdirSync(join(state, "local"));
  symlinkSync(join(state, "stick/keys"), keys);
  expect(keypair()).toMatchObject({
    status: 1,
    stderr: expect.stringMatching(/error: .*keys leads nowhere\nhint: is its disk or stick mounted\?/),
  });
});

test.each(["AIRFLOW_SSH_KEY", "AIRFLOW_AGE_IDENTITY"])("what %s names is not made while it is away", (variable) => {
  const file = join(state, "stick/key");
  expect(keypair({ [variable]: file })).toMatchObject({
    status: 1,
    stderr: expect.stringContaining(`error: ${variable} names ${file}, which is not there`),
  });
  expect([existsSync(file), existsSync(keys)]).toEqual([false, false]);
});
