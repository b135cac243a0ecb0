import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Writable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { pullBackup } from "../../provision/backups/pull";
import { decrypt, recipientOf } from "../../provision/deployment/age";
import { TEMPLATES } from "../../provision/deployment/paths";
import type { Host } from "../../provision/link/host";
import { errorOf, until } from "../support/capture";
import { identityFile } from "../support/deployment";

const HELPER = join(TEMPLATES, "backup/helper.py");
const ROWS = readFileSync(join(TEMPLATES, "backup/rows.awk"), "utf8");
const MARKER = "a password of a connection";
const IDENTITY = JSON.stringify({ deployment: "local", fernetKey: "f", databasePassword: "d" });
/** Longer than a chunk of age's. */
const FILES: Readonly<Record<string, string>> = {
  "database.dump": `${MARKER}\n`.repeat(2_500),
  "dags.tar": `${MARKER}\n`,
  "secrets.age": "age-encryption.org/v1 …\n",
};
const sha256 = (content: string | Buffer): string => createHash("sha256").update(content).digest("hex");
const temporary = (): string => mkdtempSync(join(tmpdir(), "backup-"));

/** A backup's folder as the host makes it. */
function backupFolder(rows = "", files = FILES): string {
  const [folder, work] = [temporary(), temporary()];
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  writeFileSync(join(work, "sha256"), sha256(files["database.dump"]!));
  writeFileSync(join(work, "rows"), rows);
  const about = ["20260101T000000Z-1", IDENTITY, "3.3.2", "17.6", "abc", "release"];
  execFileSync("python3", [HELPER, "manifest", folder, join(work, "sha256"), join(work, "rows"), ...about]);
  return folder;
}

const tarOf = (folder: string): Buffer =>
  execFileSync("tar", ["--create", "--sort=name", "--file=-", `--directory=${folder}`, "."]);

/** A host that answers a pull with these bytes, and then with this end. */
function hostThat(send: (stdout: Writable) => Promise<void> | void, code = 0, stderr = ""): Host {
  const unasked = (): never => {
    throw new Error("not asked for");
  };
  return {
    name: "ubuntu@host",
    connect: unasked,
    reconnect: unasked,
    run: async (_command, options) => {
      await send(options!.stdout!);
      return { code, stdout: "", stderr };
    },
  };
}
const sends = (bytes: Buffer, code?: number, stderr?: string): Host =>
  hostThat((stdout) => void stdout.write(bytes), code, stderr);

let identity: string;
let recipients: string[];
let tar: Buffer;
beforeAll(async () => {
  identity = await identityFile();
  recipients = [await recipientOf(identity), await recipientOf(await identityFile())];
  tar = tarOf(backupFolder());
});

const pull = (host: Host, directory: string, stop = new AbortController().signal): Promise<string> =>
  pullBackup(host, { id: "20260101T000000Z-1", directory, recipients }, stop);
const contentOf = async (folder: string, name: string): Promise<string> =>
  name === "secrets.age"
    ? readFileSync(join(folder, name), "utf8")
    : decrypt(readFileSync(join(folder, `${name}.age`)), identity);

describe("a backup that comes here", () => {
  test("is encrypted to whoever can read the secrets, and its sums are of the files as they lie here", async () => {
    const folder = await pull(sends(tar), temporary());
    expect(readdirSync(folder).sort()).toEqual([
      "SHA256SUMS",
      "dags.tar.age",
      "database.dump.age",
      "manifest.json",
      "secrets.age",
    ]);
    for (const [name, content] of Object.entries(FILES)) expect(await contentOf(folder, name)).toBe(content);
    execFileSync("sha256sum", ["--check", "--quiet", "--strict", "SHA256SUMS"], { cwd: folder });
    expect(readFileSync(join(folder, "SHA256SUMS"), "utf8").trim().split("\n")).toHaveLength(4);
    const { files } = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
    expect(files["database.dump"]).toEqual({ sha256: sha256(FILES["database.dump"]!), size: 67_500 });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  test("is at no moment on this disk as plain text", async () => {
    const directory = temporary();
    const large = tarOf(backupFolder("", { ...FILES, "database.dump": `${MARKER}\n`.repeat(10_000) }));
    let go: () => void = () => undefined;
    const waits = new Promise<void>((resolve) => (go = resolve));
    const half = hostThat(async (stdout) => {
      stdout.write(large.subarray(0, 200_000));
      await waits;
      stdout.write(large.subarray(200_000));
    });
    const pulled = pull(half, directory);
    const written = (): string =>
      readdirSync(directory, { recursive: true, encoding: "utf8" })
        .filter((name) => statSync(join(directory, name)).isFile())
        .map((name) => readFileSync(join(directory, name), "latin1"))
        .join("");
    await until(() => written().length > 65_536);
    expect(written()).not.toContain(MARKER);
    go();
    await pulled;
    expect(written()).not.toContain(MARKER);
  });

  test("is refused with any byte changed, or leaves what it holds as it was", async () => {
    const directory = temporary();
    let refused = 0;
    for (let at = 0; at < tar.length; at += 601) {
      const damaged = Buffer.from(tar);
      damaged[at]! ^= 1 << (at % 8);
      const folder = await pull(sends(damaged), directory).catch((error: Error) => {
        expect(error.message).toMatch(/^the backup did not arrive completely: /);
        expect(readdirSync(directory)).toEqual([]);
        refused++;
      });
      if (!folder) continue;
      for (const [name, content] of Object.entries(FILES)) expect(await contentOf(folder, name)).toBe(content);
      execFileSync("rm", ["-r", folder]);
    }
    expect(refused).toBeGreaterThan(100);
  }, 60_000);

  test("is refused where it is cut anywhere, between two files too", async () => {
    const directory = temporary();
    // The last file is shorter than a block of the tar; what follows it is only zeros.
    const whole = tar.lastIndexOf("ustar") - 257 + 1024;
    for (const end of [...Array.from({ length: whole / 512 }, (_, i) => i * 512), 700, whole - 512 + 5]) {
      const error = await errorOf(pull(sends(tar.subarray(0, end)), directory));
      expect(error.message).toMatch(/^the backup did not arrive completely: /);
      expect(error.hint).toBe("it is complete on the host; run make backup again");
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  test.each<[what: string, change: (folder: string) => void, reason: RegExp]>([
    ["a file too few", (folder) => execFileSync("rm", [join(folder, "dags.tar")]), /: dags.tar is missing$/],
    ["a file too many", (folder) => writeFileSync(join(folder, "x"), ""), /: x is not in its manifest$/],
    ["no manifest", (folder) => execFileSync("rm", [join(folder, "manifest.json")]), /: its manifest is missing$/],
    [
      "a manifest that is no JSON",
      (folder) => {
        writeFileSync(join(folder, "manifest.json"), `{"rows": {"a "b"": 1}}`);
        writeFileSync(join(folder, "SHA256SUMS"), `${sha256(`{"rows": {"a "b"": 1}}`)}  manifest.json\n`);
      },
      /JSON/,
    ],
  ])("with %s is refused", async (_what, change, reason) => {
    const folder = backupFolder();
    change(folder);
    const directory = temporary();
    expect((await errorOf(pull(sends(tarOf(folder)), directory))).message).toMatch(reason);
    expect(readdirSync(directory)).toEqual([]);
  });

  test("says what the host says where that is why it is cut", async () => {
    const directory = temporary();
    const error = await errorOf(pull(sends(tar.subarray(0, 9000), 2, "tar: no such folder\n"), directory));
    expect(error.message).toBe("cannot pull the backup: tar: no such folder");
    expect(readdirSync(directory)).toEqual([]);
  });

  test("leaves nothing where it is interrupted, and takes away what a killed one left", async () => {
    const directory = temporary();
    const gone = spawnSync("true").pid;
    mkdirSync(join(directory, `.partial-1.${gone}`));
    mkdirSync(join(directory, `.partial-2.${process.ppid}`));
    const stop = new AbortController();
    const half = hostThat(async (stdout) => {
      stdout.write(tar.subarray(0, 9000));
      await setImmediate();
      stop.abort();
      await new Promise(() => undefined);
    });
    expect((await errorOf(pull(half, directory, stop.signal))).message).toMatch(/interrupted/);
    expect(readdirSync(directory)).toEqual([`.partial-2.${process.ppid}`]);
  });
});

describe("rows of a dump", () => {
  const counted = (text: string) => {
    const env = { ...process.env, LC_ALL: "C" };
    const { status, stdout, stderr } = spawnSync("awk", [ROWS], { input: text, encoding: "utf8", env });
    if (status !== 0) return stderr.trim();
    const entries = stdout.split("\0").slice(0, -1);
    return Object.fromEntries(entries.map((entry) => [entry.replace(/^\d+ /, ""), parseInt(entry)]));
  };
  const copy = (table: string, rows: number): string =>
    `--\n-- Data for Name: x; Type: TABLE DATA\n--\n\nCOPY ${table} FROM stdin;\n${"1\tx\n".repeat(rows)}\\.\n\n\n`;

  test("are counted by table, whatever it is called", () => {
    const head = `\\restrict abc\n\nSET statement_timeout = 0;\nSELECT pg_catalog.set_config('search_path', '', false);\n`;
    const names = [
      "public.dag_run (id, conf)",
      `public."Odd ""Name"" x" (id, "Col (1)")`,
      `public."a.b\\c" ("it's")`,
      `"my schema"."two\nlines" (id)`,
      `public."FROM stdin;" (id)`,
      "public.empty (id)",
      "public.columnless ",
    ];
    const sequence = `SELECT pg_catalog.setval('public."a\nCOPY public.lie (x) FROM stdin;\n"', 1, true);\n`;
    const text = head + sequence + names.map((name, i) => copy(name, name.includes("empty") ? 0 : i + 1)).join("");
    expect(counted(`${text}\n\\unrestrict abc\n\n`)).toEqual({
      "public.dag_run": 1,
      'public."Odd ""Name"" x"': 2,
      'public."a.b\\c"': 3,
      '"my schema"."two\nlines"': 4,
      'public."FROM stdin;"': 5,
      "public.empty": 0,
      "public.columnless": 7,
    });
  });
  test("of one table in parts are summed", () => {
    expect(counted(copy("public.a (id)", 2) + copy("public.a (id)", 3))).toEqual({ "public.a": 5 });
  });
  test.each([
    ["the rows of a table", copy("public.a (id)", 3).replace(/\\\.[^]*/, "")],
    ["a statement", "SELECT pg_catalog.setval('public."],
  ])("that end within %s are an error", (where, text) => {
    expect(counted(text)).toBe(`the dump ends within ${where}`);
  });
});

describe("on the host", () => {
  test("the manifest is JSON, whatever tables are called", () => {
    const rows = { 'public."Odd ""Name"" x"': 2, 'public."a.b\\c"': 3, 'public."é\n"': 1 };
    const counted = Object.entries(rows).map(([table, count]) => `${count} ${table}\0`);
    const manifest = JSON.parse(readFileSync(join(backupFolder(counted.join("")), "manifest.json"), "utf8"));
    expect(manifest).toMatchObject({ id: "20260101T000000Z-1", airflow: "3.3.2", dagRelease: "release", rows });
  });

  test("a dump that is kept is what is read, to its last byte", () => {
    const folder = temporary();
    const [file, sum] = [join(folder, "dump"), join(folder, "sum")];
    const input = Buffer.from(MARKER.repeat(100_000));
    const { status, stdout } = spawnSync("python3", [HELPER, "keep", file, sum], { input, maxBuffer: 2 ** 26 });
    expect([status, stdout.equals(input), readFileSync(file).equals(input)]).toEqual([0, true, true]);
    expect(readFileSync(sum, "utf8")).toBe(sha256(input));
  });

  test("a dump that nobody reads to its end is an error", () => {
    const folder = temporary();
    const script = `head -c 9000000 /dev/zero | python3 "$@" | head -c 9 > /dev/null; echo "\${PIPESTATUS[@]}"`;
    const words = ["-c", script, "bash", HELPER, "keep", join(folder, "dump"), join(folder, "sum")];
    const { stdout, stderr } = spawnSync("bash", words, { encoding: "utf8" });
    expect(stdout).toMatch(/^\d+ 1 0\n$/);
    expect(stderr).toBe("the dump cannot be read back to its end\n");
    expect(existsSync(join(folder, "sum"))).toBe(false);
  });

  test("a full disk is said", () => {
    const script = `ulimit -f 8; trap '' XFSZ; exec python3 "$@" < /bin/bash`;
    const folder = temporary();
    const words = ["-c", script, "sh", HELPER, "keep", join(folder, "dump"), join(folder, "sum")];
    const { status, stderr } = spawnSync("bash", words);
    expect([status, stderr.toString()]).toEqual([1, `${join(folder, "dump")}: File too large\n`]);
  });

  test("a dump that is another on the disk than the one that was read gets no manifest", () => {
    const [folder, work] = [temporary(), temporary()];
    writeFileSync(join(folder, "database.dump"), "half");
    writeFileSync(join(work, "sha256"), sha256("half of it"));
    writeFileSync(join(work, "rows"), "");
    const words = ["manifest", folder, join(work, "sha256"), join(work, "rows"), "1", IDENTITY, "", "17", "a", ""];
    const { status, stderr } = spawnSync("python3", [HELPER, ...words], { encoding: "utf8" });
    expect([status, stderr]).toEqual([1, "database.dump on the disk is not what was read back\n"]);
    expect(readdirSync(folder)).toEqual(["database.dump"]);
  });
});
