import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { decrypt, encrypt, recipientOf } from "../../provision/deployment/age";
import { UserError } from "../../provision/base/errors";
import type { Deployment } from "../../provision/deployment/deployment";
import { ROOT } from "../../provision/deployment/paths";
import { SECRET_NAMES } from "../../provision/deployment/secret-names";
import { draftSecrets, openSecrets, readSecrets, saveSecrets } from "../../provision/deployment/secrets-file";
import { ReaderChange, describeReaders } from "../../provision/deployment/secrets-readers";
import { complete } from "../../provision/deployment/secrets-text";
import { agree, ensureSecrets, identityFile, temporaryDeployment } from "../support/deployment";

const bytes = (deployment: Deployment) => readFileSync(deployment.paths.secrets);
const failure = (work: Promise<unknown>): Promise<{ message: string; hint?: string }> =>
  work.then(
    () => ({ message: "nothing failed" }),
    (error) => error,
  );

test("missing secrets are generated once, encrypted, and kept", async () => {
  const deployment = await temporaryDeployment();
  expect((await draftSecrets(deployment)).created).toEqual(SECRET_NAMES);
  expect(await failure(readSecrets(deployment))).toMatchObject({ message: expect.stringContaining("there is no ") });

  const { secrets, created } = await ensureSecrets(deployment);
  expect(created).toEqual(SECRET_NAMES);
  const first = bytes(deployment);
  expect(first.toString("latin1")).toMatch(/^age-encryption\.org\/v1\n/);
  for (const value of Object.values(secrets)) expect(first.includes(value)).toBe(false);
  expect(statSync(deployment.paths.secrets).mode & 0o777).toBe(0o600);
  expect(statSync(dirname(deployment.paths.secrets)).mode & 0o777).toBe(0o700);

  expect(await ensureSecrets(deployment)).toMatchObject({ secrets, created: [] });
  expect(await readSecrets(deployment)).toEqual(secrets);
  expect(bytes(deployment)).toEqual(first);
  expect(readdirSync(dirname(deployment.paths.secrets)).sort()).toEqual(["keys", "secrets.age"]);
});

test("a new folder for them is its owner's only", async () => {
  const made = await temporaryDeployment();
  const folder = join(made.paths.state, "new/folder");
  const deployment = { ...made, paths: { ...made.paths, secrets: join(folder, "secrets.age") } };
  await ensureSecrets(deployment);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test("a secret that is missing in an older file is added beside what is there", async () => {
  const deployment = await temporaryDeployment();
  await saveSecrets(
    deployment,
    await openSecrets(deployment),
    "# ours\nsmtp: 0123\nadmin_password: correct horse\n",
    agree,
  );
  expect((await failure(readSecrets(deployment))).message).toMatch(/lacks fernet_key, jwt_secret, /);
  const { secrets, created } = await ensureSecrets(deployment);
  expect(created).toEqual(SECRET_NAMES.filter((name) => name !== "admin_password"));
  expect(await readSecrets(deployment)).toEqual(secrets);
  expect(secrets).toMatchObject({ smtp: "0123", admin_password: "correct horse" });
  expect((await openSecrets(deployment)).text).toMatch(/^# ours\n/);
});

describe("who can read them", () => {
  const other = async (name: string) => {
    const identity = await identityFile();
    return { identity, operator: { name, ssh: "", age: await recipientOf(identity) } };
  };
  const me = async ({ paths }: Deployment) => ({
    name: "me",
    ssh: "",
    age: await recipientOf(readFileSync(paths.ageIdentity, "utf8")),
  });

  test("a new operator after the next run, and no longer one who left", async () => {
    const alone = await temporaryDeployment();
    const { secrets } = await ensureSecrets(alone);
    const ada = await other("ada");
    const team: Deployment = { ...alone, operators: [await me(alone), ada.operator] };
    await ensureSecrets(team);
    expect(await decrypt(bytes(team), ada.identity)).toContain(secrets.fernet_key);
    const before = bytes(team);
    await ensureSecrets(team);
    expect(bytes(team)).toEqual(before);
    await ensureSecrets(alone);
    await expect(decrypt(bytes(alone), ada.identity)).rejects.toThrow();
    expect(await readSecrets(alone)).toEqual(secrets);
  });
  test("the offline recovery recipient", async () => {
    const deployment = await temporaryDeployment();
    const paper = await other("paper");
    writeFileSync(deployment.paths.recovery, `${paper.operator.age}\n`);
    const { secrets } = await ensureSecrets(deployment);
    expect(await decrypt(bytes(deployment), paper.identity)).toContain(secrets.fernet_key);
  });
  test("is asked for: whoever comes or goes, by name, and nothing is written before", async () => {
    const alone = await temporaryDeployment();
    await ensureSecrets(alone);
    const [ada, own] = [await other("ada"), await me(alone)];
    const paper = await other("paper");
    const asked: ReaderChange[] = [];
    const refuse = async (change: ReaderChange): Promise<void> => {
      asked.push(change);
      throw new UserError("no");
    };
    const before = bytes(alone);
    const team: Deployment = { ...alone, operators: [own, ada.operator] };
    const draft = await draftSecrets(team);
    expect(describeReaders(draft.readers)).toEqual([`+ ${ada.operator.age} (ada)`]);
    expect(await failure(draft.keep(refuse))).toMatchObject({ message: "no" });
    expect(await failure(saveSecrets(team, await openSecrets(team), "a: x\n", refuse))).toMatchObject({
      message: "no",
    });
    expect(asked.map(describeReaders)).toEqual([[`+ ${ada.operator.age} (ada)`], [`+ ${ada.operator.age} (ada)`]]);
    expect(bytes(alone)).toEqual(before);

    await ensureSecrets(team);
    // One line of a public file, and everything would be encrypted to somebody else.
    writeFileSync(alone.paths.recovery, `${paper.operator.age}\n`);
    const later = await draftSecrets({ ...team, operators: [own] });
    expect(describeReaders(later.readers)).toEqual([
      `+ ${paper.operator.age} (recovery)`,
      `− ${ada.operator.age} (ada)`,
    ]);
  });
  test("another name for the same recipient lets nobody in", async () => {
    const alone = await temporaryDeployment();
    await ensureSecrets(alone);
    const before = bytes(alone);
    await ensureSecrets({ ...alone, operators: [await me(alone)] });
    expect(bytes(alone)).toEqual(before);
  });
  test("of a file that does not say whom it is encrypted to, everybody is new", async () => {
    const deployment = await temporaryDeployment();
    const own = await me(deployment);
    const { text } = complete("");
    writeFileSync(deployment.paths.secrets, await encrypt(text, [own.age]));
    expect((await draftSecrets(deployment)).readers).toMatchObject({
      come: [{ recipient: own.age }],
      gone: [],
      isFirst: false,
    });
  });
  test("of an older file, which has no names in it", async () => {
    const deployment = await temporaryDeployment();
    const [own, ada] = [await me(deployment), await other("ada")];
    const header = `# Secrets of local, encrypted to: ${[own.age, ada.operator.age].sort().join(" ")}\n`;
    writeFileSync(deployment.paths.secrets, await encrypt(header + complete("").text, [own.age]));
    expect(describeReaders((await draftSecrets(deployment)).readers)).toEqual([`− ${ada.operator.age}`]);
  });
  test("nobody locks himself out", async () => {
    const deployment = await temporaryDeployment();
    const before = await ensureSecrets(deployment);
    const ada = await other("ada");
    const error = await failure(ensureSecrets({ ...deployment, operators: [ada.operator] }));
    expect(error.message).toMatch(/^you are not among the operators of "local"/);
    expect(await readSecrets(deployment)).toEqual(before.secrets);
  });
  test("a mistyped recipient stops before anything is written", async () => {
    const deployment = await temporaryDeployment();
    await ensureSecrets(deployment);
    const before = bytes(deployment);
    const bad = { ...(await other("ada")).operator };
    bad.age = bad.age.replace(/.$/, (last) => (last === "q" ? "p" : "q"));
    const error = await failure(ensureSecrets({ ...deployment, operators: [await me(deployment), bad] }));
    expect(error.message).toBe(`"${bad.age}" is not an age recipient`);
    expect(bytes(deployment)).toEqual(before);
  });
});

describe("what is wrong is said, nothing is lost, and no secret is shown", () => {
  const cases: [
    what: string,
    spoil: (deployment: Deployment) => Promise<void> | void,
    message: RegExp,
    hint: RegExp,
  ][] = [
    [
      "no identity",
      ({ paths }) => rmSync(paths.ageIdentity),
      /^there is no age identity at .*keys\/age$/,
      /^it is needed to decrypt .*secrets\.age: copy yours there, or name it with AIRFLOW_AGE_IDENTITY$/,
    ],
    [
      "an identity file with something else",
      ({ paths }) => writeFileSync(paths.ageIdentity, "x\n"),
      /^the age identity is damaged$/,
      /one line AGE-SECRET-KEY/,
    ],
    [
      "an identity with a wrong letter",
      ({ paths }) => writeFileSync(paths.ageIdentity, readFileSync(paths.ageIdentity, "utf8").replace(/.\n$/, "B\n")),
      /^the age identity is damaged$/,
      /restore it/,
    ],
    [
      "somebody else's identity",
      async ({ paths }) => writeFileSync(paths.ageIdentity, await identityFile()),
      /is not encrypted to your age identity, age1\w+$/,
      /add you to `operators`/,
    ],
    [
      "a cut file",
      ({ paths }) => writeFileSync(paths.secrets, readFileSync(paths.secrets).subarray(0, -7)),
      /is damaged: age cannot decrypt it$/,
      /restore it from git/,
    ],
    [
      "a flipped bit",
      ({ paths }) => {
        const content = readFileSync(paths.secrets);
        content[content.length - 30]! ^= 1;
        writeFileSync(paths.secrets, content);
      },
      /is damaged/,
      /restore it/,
    ],
    ["an empty file", ({ paths }) => writeFileSync(paths.secrets, ""), /is damaged/, /restore it/],
    ["no age file at all", ({ paths }) => writeFileSync(paths.secrets, "fernet_key: x\n"), /is damaged/, /restore it/],
  ];
  test.each(cases)("%s", async (_what, spoil, message, hint) => {
    const deployment = await temporaryDeployment();
    const { secrets } = await ensureSecrets(deployment);
    await spoil(deployment);
    const spoilt = bytes(deployment);
    for (const work of [readSecrets, ensureSecrets, draftSecrets]) {
      const error = await failure(work(deployment));
      expect(error.message).toMatch(message);
      expect(error.hint).toMatch(hint);
      for (const value of Object.values(secrets)) expect(JSON.stringify(error) + error.message).not.toContain(value);
    }
    expect(bytes(deployment)).toEqual(spoilt);
  });

  test("without identity and secrets the way is keypair", async () => {
    const deployment = await temporaryDeployment();
    rmSync(deployment.paths.ageIdentity);
    expect(await failure(ensureSecrets(deployment))).toMatchObject({ hint: "run make keypair" });
  });
  test("the file of another deployment", async () => {
    const deployment = await temporaryDeployment();
    await ensureSecrets({ ...deployment, name: "staging" });
    expect(await failure(readSecrets(deployment))).toMatchObject({
      message: expect.stringContaining('holds the secrets of "staging", not of "local"'),
    });
  });
  test("content that is not valid", async () => {
    const deployment = await temporaryDeployment();
    await saveSecrets(deployment, await openSecrets(deployment), "jwt_secret: Hunter2\n", agree);
    const error = await failure(ensureSecrets(deployment));
    expect(error.message).toMatch(/secrets\.age: line 1: jwt_secret must be at least 32/);
    expect(error.message).not.toContain("Hunter2");
  });
});

describe("two writers", () => {
  test("an edit made from an older file is refused", async () => {
    const deployment = await temporaryDeployment();
    await ensureSecrets(deployment);
    const mine = await openSecrets(deployment);
    await saveSecrets(deployment, await openSecrets(deployment), `${mine.text}theirs: x\n`, agree);
    const after = bytes(deployment);
    expect(await failure(saveSecrets(deployment, mine, `${mine.text}mine: x\n`, agree))).toMatchObject({
      message: expect.stringMatching(/was changed by somebody else meanwhile$/),
    });
    expect(bytes(deployment)).toEqual(after);
  });
  test("of two first runs one keeps its secrets, the other hears of it", async () => {
    const deployment = await temporaryDeployment();
    const nothing = await openSecrets(deployment);
    await saveSecrets(deployment, nothing, "a: x\n", agree);
    expect((await failure(saveSecrets(deployment, nothing, "b: x\n", agree))).message).toMatch(/meanwhile/);
    expect((await openSecrets(deployment)).text).toBe("a: x\n");
  });
});

test("kill -9 at any moment of a write leaves the old secrets or the new ones", async () => {
  const deployment = await temporaryDeployment();
  await ensureSecrets(deployment);
  const base = (await openSecrets(deployment)).text;
  const writer = `
    const { openSecrets, saveSecrets } = require("./provision/deployment/secrets-file");
    const deployment = JSON.parse(process.argv[1]);
    const base = process.argv[2];
    (async () => {
      for (let i = 0; ; i++) {
        const opened = await openSecrets(deployment);
        process.stdout.write(".");
        await saveSecrets(deployment, opened, base + "count: " + i + "\\n", async () => undefined);
      }
    })();`;
  for (let round = 0; round < 8; round++) {
    // The arguments hold no secret but the one made for this test.
    const child = spawn(process.execPath, ["--require", "tsx/cjs", "-e", writer, JSON.stringify(deployment), base], {
      cwd: ROOT,
    });
    await once(child.stdout, "data");
    await new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 60));
    child.kill("SIGKILL");
    await once(child, "close");
    const { text } = await openSecrets(deployment);
    expect(text.replace(/count: \d+\n$/, "")).toBe(base);
  }
  const opened = await openSecrets(deployment);
  await saveSecrets(deployment, opened, base, agree);
  expect(readdirSync(join(deployment.root, "local")).sort()).toEqual(["keys", "secrets.age"]);
}, 60_000);
