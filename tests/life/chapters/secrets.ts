import { randomBytes } from "node:crypto";
import { chmodSync, copyFileSync, existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { SENSITIVE_OPTIONS } from "../../../provision/deployment/airflow-options";
import { ROOT } from "../../../provision/deployment/paths";
import { secretFilesOf } from "../../../provision/release/release";
import { SECRETS } from "../../../provision/deployment/secret-names";
import { Life, pipe } from "../../support/life";

const OTHERS = /error: the secrets in .*secrets\.age are not those of the database on this host\nhint: pull /;

/** Made anew: what stands in this file would be found by the search for secrets. */
const DSN = `https://${randomBytes(12).toString("hex")}@example.com/1`;

/** Wrong secrets, and where secrets must never be found. */
export function secrets(life: Life): void {
  test("a Fernet key that is not the database's is refused before any change", async () => {
    const { paths } = life.deployment;
    const before = await life.trace();
    const editor = join(life.state, life.name, "work/editor.sh");
    copyFileSync(paths.secrets, `${paths.secrets}.kept`);
    try {
      const other = SECRETS.fernet_key.generate();
      writeFileSync(editor, `#!/bin/sh\nsed -i 's/^fernet_key: .*/fernet_key: "${other}"/' "$1"\n`);
      chmodSync(editor, 0o700);
      await life.make("secrets", { EDITOR: editor });
      for (const verb of ["provision", "plan", "backup"])
        expect(await life.run(verb)).toMatchObject({
          code: 1,
          text: expect.stringMatching(/not those of the database/),
        });
      expect((await life.run("provision")).text).toMatch(OTHERS);
      expect(await life.trace()).toEqual(before);
    } finally {
      rmSync(editor, { force: true });
      copyFileSync(`${paths.secrets}.kept`, paths.secrets);
      rmSync(`${paths.secrets}.kept`);
    }
  });

  test("lost secrets are not made anew where there is a database", async () => {
    const { paths } = life.deployment;
    const before = await life.trace();
    copyFileSync(paths.secrets, `${paths.secrets}.kept`);
    rmSync(paths.secrets);
    try {
      expect(await life.run("provision")).toMatchObject({ code: 1, text: expect.stringMatching(OTHERS) });
      expect(existsSync(paths.secrets)).toBe(false);
      expect(await life.trace()).toEqual(before);
    } finally {
      copyFileSync(`${paths.secrets}.kept`, paths.secrets);
      rmSync(`${paths.secrets}.kept`);
    }
  });

  test("the options of Airflow's that can be given as secrets are those that it takes from a file", async () => {
    const program =
      "from airflow.configuration import conf; print(*sorted(map('.'.join, conf.sensitive_config_values)))";
    const found = await life.host(`docker exec airflow-scheduler-1 python -c "${program}"`);
    expect(found.trim().split(" ")).toEqual(SENSITIVE_OPTIONS);
  });

  test("a secret that airflow.secrets names is missed, then written; no process ever has one in its arguments or environment", async () => {
    life.set({ secrets: { "sentry.sentry_dsn": "sentry_dsn" } });
    expect(await life.run("provision")).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        /airflow\.secrets names what is not among the secrets: sentry_dsn\nhint: add it with DEPLOYMENT=life make secrets/,
      ),
    });
    const editor = join(life.state, life.name, "work/editor.sh");
    writeFileSync(editor, `#!/bin/sh\necho 'sentry_dsn: ${DSN}' >> "$1"\n`);
    chmodSync(editor, 0o700);
    await life.make("secrets", { EDITOR: editor });
    rmSync(editor);
    const values = await valuesOf(life);
    await life.host("rm /opt/airflow/secrets/*; docker rm --force airflow-triggerer-1");
    const provision = life.start("provision", { VERBOSE: "1" });
    let isOver = false;
    void provision.ended.then(() => (isOver = true));
    const found = new Set<string>();
    // A local host's processes are this machine's, too: /proc has them all.
    while (!isOver) {
      for (const place of processesWith(values)) found.add(place);
      await sleep(50);
    }
    expect(await provision.ended).toMatchObject({
      code: 0,
      text: expect.stringMatching(/wrote the secret sentry_dsn.*wrote the secret fernet_key/s),
    });
    expect([...found]).toEqual([]);
    const option = "docker exec airflow-triggerer-1 airflow config get-value sentry sentry_dsn";
    expect(await life.host(option)).toBe(`${DSN}\n`);
  });

  test("words of Airflow's command line are in no journal of the host", async () => {
    const word = `kept-${Math.random().toString(36).slice(2)}`;
    expect(await life.run("airflow", { CMD: `variables set word "${word}"` })).toMatchObject({ code: 0 });
    expect((await life.run("airflow", { CMD: "variables get word" })).stdout).toContain(word);
    expect(await life.host(`journalctl --no-pager | grep -cF ${word} || true`)).toBe("0\n");
  });

  test("no secret is in what verbs say, in any file of the checkout or the state, nor in what Docker tells of the host", async () => {
    const values = await valuesOf(life);
    const { stdout } = await pipe("docker", ["inspect", life.hostName]);
    expect({ transcript: secretsIn(values, life.transcript), docker: secretsIn(values, stdout) }).toEqual({
      transcript: [],
      docker: [],
    });
    const places = ["--exclude-dir=node_modules", ROOT, join(life.state, life.name)];
    // 1: found nothing. Keys open the secrets, and are none of them.
    const found = await pipe("grep", ["-rlaF", "-f", "-", ...places], lines(values));
    expect(found).toEqual({ code: 1, stdout: "", stderr: "" });
  });

  test("on the host no secret is anywhere but in its own file: not in files, containers' descriptions, journal or records", async () => {
    const values = await valuesOf(life);
    const script = `cd /dev/shm
cat > patterns <<'VALUES'
${lines(values)}VALUES
grep -rlaF -f patterns --exclude-dir=secrets /etc /home /opt /root /run /srv /tmp /var || true
docker inspect $(docker ps -aq) $(docker image ls -q) > told
journalctl --no-pager --output=export >> told
systemctl show '*' >> told
grep -caF -f patterns told || true
grep -cF -f patterns patterns
rm patterns told`;
    // Of the last two numbers the second shows that the search finds what is there.
    expect(await life.host(script)).toBe(`0\n${values.length}\n`);
  });
}

type Values = readonly (readonly [name: string, value: string])[];

/** Every secret, and what is made of them. */
async function valuesOf(life: Life): Promise<Values> {
  const secrets = await life.secrets();
  return [...new Map([...Object.entries(secrets), ...secretFilesOf(secrets)])];
}

const lines = (values: Values): string => values.map(([, value]) => `${value}\n`).join("");

/** Names only: a failing test must not print a value. */
const secretsIn = (values: Values, text: string): string[] =>
  values.flatMap(([name, value]) => (text.includes(value) ? [name] : []));

function processesWith(values: Values): string[] {
  return readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return [];
    return ["cmdline", "environ"].flatMap((file) => {
      try {
        const text = readFileSync(`/proc/${pid}/${file}`, "latin1");
        return secretsIn(values, text).map((name) => `${name} in ${file} of ${text.split("\0")[0]}`);
      } catch {
        // It has ended.
        return [];
      }
    });
  });
}
