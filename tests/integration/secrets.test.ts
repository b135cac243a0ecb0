import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Deployment } from "../../provision/deployment/deployment";
import { ROOT } from "../../provision/deployment/paths";
import { openSecrets, readSecrets } from "../../provision/deployment/secrets-file";
import { ensureSecrets, temporaryDeployment } from "../support/deployment";

type Temporary = Deployment & { readonly root: string };

const environment = ({ root }: Temporary, editor: string) => ({
  ...process.env,
  DEPLOYMENT: "local",
  AIRFLOW_STATE: root,
  EDITOR: editor,
  NO_COLOR: "1",
  VISUAL: "",
});

function edit(deployment: Temporary, editor: string) {
  const env = environment(deployment, editor);
  return spawnSync(process.execPath, ["run", "secrets"], {
    cwd: ROOT,
    env,
    encoding: "utf8",
    // An editor that nobody has chosen would wait for ever.
    timeout: 20_000,
  });
}

/** The folders for plain text that this machine holds, made by a process of this number. */
const folders = (pid: number) =>
  ["/dev/shm", tmpdir()].flatMap((base) =>
    existsSync(base) ? readdirSync(base).filter((entry) => entry.startsWith(`airflow-secrets-${pid}-`)) : [],
  );

/** A deployment with secrets, and an editor that runs these shell lines with $1, the file. */
async function withEditor(script: string) {
  const deployment = await temporaryDeployment();
  const { secrets } = await ensureSecrets(deployment);
  const file = join(deployment.root, "editor");
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { deployment, secrets, editor: file, before: readFileSync(deployment.paths.secrets) };
}

test("what the editor leaves is encrypted, whatever else there is stays", async () => {
  const { deployment, secrets, editor } = await withEditor(
    `echo 'smtp: 0123 # ours' >> "$1"; stat -c %a "$1" "\${1%/*}" > ${"$0"}.modes`,
  );
  const { status, stderr, stdout } = edit(deployment, editor);
  expect(stderr).toMatch(/wrote .*secrets\.age: smtp\n/);
  expect({ status, stdout }).toEqual({ status: 0, stdout: "" });
  expect(await readSecrets(deployment)).toEqual({ ...secrets, smtp: "0123" });
  expect(readFileSync(`${editor}.modes`, "utf8")).toBe("600\n700\n");
});

test("without a terminal no editor is opened that nobody has chosen", async () => {
  const { deployment, secrets } = await withEditor("");
  const { status, stderr, stdout } = edit(deployment, "");
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(/^error: make secrets opens an editor, and there is no terminal for it\nhint: .*EDITOR=/m);
  expect(await readSecrets(deployment)).toEqual(secrets);
});

test("a name that airflow.secrets uses does not go by accident", async () => {
  const { deployment, editor } = await withEditor(
    `if grep -q ^dsn "$1"; then sed -i /^dsn/d "$1"; else echo 'dsn: x' >> "$1"; fi`,
  );
  const deployments = join(deployment.root, "deployments");
  mkdirSync(deployments);
  writeFileSync(
    join(deployments, "local.yaml"),
    "{ infrastructure: local, airflow: { secrets: { sentry.sentry_dsn: dsn } } }",
  );
  const run = () =>
    spawnSync(process.execPath, ["--require", "tsx/cjs", "provision/secrets.ts"], {
      cwd: ROOT,
      env: { ...environment(deployment, editor), AIRFLOW_DEPLOYMENTS: deployments },
      encoding: "utf8",
    });
  expect(run()).toMatchObject({ status: 0, stderr: expect.stringMatching(/wrote .*: dsn\n/) });
  expect(run()).toMatchObject({
    status: 1,
    stderr: expect.stringContaining("error: your edit: lacks dsn, which airflow.secrets uses"),
  });
  expect(await readSecrets(deployment)).toMatchObject({ dsn: "x" });
});

test.each([
  ["an unchanged text", "true", 0, /nothing changed, nothing written/],
  [
    "a failing editor",
    'echo x: y >> "$1"; exit 3',
    1,
    /error: the editor .* ended with exit code 3\nhint: nothing was written/,
  ],
  ["an editor that does not exist", 'exec /nonexistent "$1"', 1, /error: the editor .* ended with exit code 127/],
  [
    "a text that is not valid",
    'echo "jwt_secret: Hunter2" > "$1"',
    1,
    /error: your edit: line 1: jwt_secret must be at least 32/,
  ],
  [
    "a mistyped name",
    `sed -i s/^admin_password/admin_pasword/ "$1"`,
    1,
    /error: your edit: admin_pasword is no known name; did you mean admin_password\?\nhint: nothing was written/,
  ],
  ["a text that is no YAML", 'echo "- [Hunter2" > "$1"', 1, /error: your edit.*not YAML/s],
])("%s writes nothing", async (_what, script, status, stderr) => {
  const { deployment, editor, before } = await withEditor(script);
  const result = edit(deployment, editor);
  expect(result.stderr).toMatch(stderr);
  expect(result.stderr).not.toContain("Hunter2");
  expect(result.status).toBe(status);
  expect(readFileSync(deployment.paths.secrets)).toEqual(before);
});

test("on a terminal an invalid edit can be mended or dropped", async () => {
  const mend = `if grep -q '^smtp: x$' "$1"; then exit; elif grep -q '^Smtp' "$1"; then echo 'smtp: x' > "$1"; else echo 'Smtp: x' > "$1"; fi`;
  for (const [answer, status] of [
    ["\n", 0],
    ["\x03", 130],
  ] as const) {
    const { deployment, editor, before } = await withEditor(mend);
    const command = "node run secrets";
    const env = environment(deployment, editor);
    const terminal = spawn("script", ["-qec", command, "/dev/null"], { cwd: ROOT, env, stdio: "pipe" });
    let shown = "";
    terminal.stdout.on("data", (text: Buffer) => {
      shown += text.toString();
      if (text.toString().includes("Enter to edit again")) terminal.stdin.write(answer);
    });
    terminal.stdin.on("error", () => undefined);
    expect(await once(terminal, "close", { signal: AbortSignal.timeout(20_000) })).toEqual([status, null]);
    expect(shown).toMatch(/error: your edit: line 1: a name must be lower-case letters, digits and _/);
    expect(readFileSync(deployment.paths.secrets).equals(before)).toBe(status !== 0);
  }
});

test("a file that is not valid can be mended", async () => {
  const { deployment, editor } = await withEditor('echo "admin_password: correct horse" > "$1"');
  expect(edit(deployment, editor).status).toBe(0);
  const { secrets, created } = await ensureSecrets(deployment);
  expect(secrets.admin_password).toBe("correct horse");
  expect(created).not.toContain("admin_password");
});

describe("plain text is gone", () => {
  async function started() {
    const { deployment, before } = await withEditor("");
    const mark = join(deployment.root, "editing");
    const editor = `sh -c 'echo edited: x >> "$1"; echo $$ > ${mark}; exec sleep 60' sh`;
    const env = environment(deployment, editor);
    const child = spawn(process.execPath, ["run", "secrets"], {
      cwd: ROOT,
      env,
      stdio: "ignore",
    });
    while (!existsSync(mark) || !readFileSync(mark, "utf8")) await new Promise((resolve) => setTimeout(resolve, 20));
    return { deployment, before, child, editorPid: Number(readFileSync(mark, "utf8")) };
  }

  test.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)("after %s, and nothing is written", async (signal) => {
    const { deployment, before, child } = await started();
    expect(folders(child.pid!)).toHaveLength(1);
    child.kill(signal);
    expect(await once(child, "close")).toEqual([130, null]);
    expect(folders(child.pid!)).toEqual([]);
    expect(readFileSync(deployment.paths.secrets)).toEqual(before);
  });

  test("though somebody else has put a link to nowhere beside it", async () => {
    const { deployment } = await withEditor("");
    const link = `/dev/shm/airflow-secrets-${2 ** 22 - 1}-x`;
    symlinkSync("/nowhere", link);
    try {
      expect(edit(deployment, "true")).toMatchObject({ status: 0 });
    } finally {
      unlinkSync(link);
    }
  });

  test("after SIGKILL by the next run", async () => {
    const { deployment, child, editorPid } = await started();
    child.kill("SIGKILL");
    await once(child, "close");
    process.kill(editorPid);
    expect(folders(child.pid!)).toHaveLength(1);
    expect(edit(deployment, "true").status).toBe(0);
    expect(folders(child.pid!)).toEqual([]);
  });
});

describe("who can read the secrets", () => {
  const stranger = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

  test("is asked for before the editor opens; the hint's line, word for word, says yes", async () => {
    const { deployment, editor, before } = await withEditor('echo opened >> "$0.log"');
    writeFileSync(deployment.paths.recovery, `${stranger}\n`);
    const refused = edit(deployment, editor);
    expect(refused.stderr).toContain(`  + ${stranger} (recovery)\n`);
    expect(refused.stderr).toContain("error: this needs to be confirmed: nothing was touched\n");
    expect(existsSync(`${editor}.log`)).toBe(false);
    expect(readFileSync(deployment.paths.secrets)).toEqual(before);

    const hint = /^hint: run (CONFIRM=local@\w{8} make secrets)$/m.exec(refused.stderr)![1]!;
    const confirmed = spawnSync("sh", ["-c", hint], {
      cwd: ROOT,
      env: environment(deployment, editor),
      encoding: "utf8",
    });
    expect(confirmed).toMatchObject({ status: 0, stderr: expect.stringMatching(/wrote .*secrets\.age\n/) });
    expect((await openSecrets(deployment)).encryptedTo).toContainEqual({ recipient: stranger, name: "recovery" });
    expect(edit(deployment, "true").stderr).toMatch(/nothing changed, nothing written/);
  });

  test("keeps its recovery recipient when a second operator makes keys", async () => {
    const { root } = await temporaryDeployment();
    const [deployments, secrets] = [join(root, "deployments"), join(root, "secrets")];
    mkdirSync(deployments);
    writeFileSync(
      join(deployments, "shop.yaml"),
      'infrastructure: aws\naws: { account: "123456789012", region: eu-central-1, access: ssm }\n',
    );
    const keypair = (home: string) => {
      const env = { ...process.env, DEPLOYMENT: "shop", AIRFLOW_DEPLOYMENTS: deployments, AIRFLOW_STATE: root };
      return spawnSync(process.execPath, ["--require", "tsx/cjs", "provision/keypair.ts"], {
        cwd: ROOT,
        env: { ...env, HOME: join(root, home) },
        encoding: "utf8",
      });
    };
    expect(keypair("first").stderr).toContain("error: there is no recovery recipient for the secrets");
    mkdirSync(secrets);
    writeFileSync(join(secrets, "shop.age"), "whatever it holds");
    expect(keypair("second")).toMatchObject({
      status: 0,
      stderr: expect.stringContaining("secrets/shop.recovery is missing: it is committed beside the secrets"),
    });
    expect(readdirSync(secrets)).toEqual(["shop.age"]);
  });
});

describe("password", () => {
  const password = "node run password";

  test("is shown on a terminal", async () => {
    const { deployment, secrets } = await withEditor("");
    const env = environment(deployment, "");
    const { stdout, status } = spawnSync("script", ["-qec", password, "/dev/null"], {
      cwd: ROOT,
      env,
      encoding: "utf8",
    });
    expect(stdout).toMatch(/user +admin\r\n/);
    expect(stdout).toContain(secrets.admin_password);
    expect(status).toBe(0);
  });
  test("and never in a pipe", async () => {
    const { deployment, secrets } = await withEditor("");
    const env = environment(deployment, "");
    const { stdout, stderr, status } = spawnSync("sh", ["-c", password], { cwd: ROOT, env, encoding: "utf8" });
    expect({ stdout, status }).toEqual({ stdout: "", status: 1 });
    expect(stderr).toMatch(/error: the password is shown on a terminal only\nhint: /);
    expect(stderr).not.toContain(secrets.admin_password);
  });
});

test("a name that is taken out is said to get a new value", async () => {
  const { deployment, editor } = await withEditor(`sed -i /^admin_password/d "$1"`);
  const { status, stderr } = edit(deployment, editor);
  expect({ status, stderr }).toEqual({
    status: 0,
    stderr: expect.stringContaining("admin_password: gone, so make provision makes a new value\n"),
  });
});
