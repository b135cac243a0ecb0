import { existsSync, readdirSync, readFileSync } from "node:fs";
import { localNames } from "../../../provision/local/local-docker";
import { Life, pipe } from "../../support/life";

/** What this machine's Docker holds of a deployment. */
async function leftOf(host: string): Promise<string[]> {
  const list = async (...args: string[]): Promise<string[]> => (await pipe("docker", args)).stdout.split("\n");
  const names = [
    ...(await list("ps", "--all", "--format", "{{.Names}}")),
    ...(await list("volume", "ls", "--format", "{{.Name}}")),
    ...(await list("network", "ls", "--format", "{{.Name}}")),
  ];
  return names.filter((name) => name.includes(host));
}

/** Processes of this machine that name something in their command line. */
const processesOf = (what: string): string[] =>
  readdirSync("/proc").flatMap((pid) => {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) return [];
    try {
      const line = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      return line.includes(what) ? [line] : [];
    } catch {
      return [];
    }
  });

/** To nothing. */
export function teardown(life: Life): void {
  test("teardown without a terminal wants CONFIRM=<deployment>, and the right one", async () => {
    const before = await life.trace();
    const without = await life.run("teardown");
    expect(without).toMatchObject({
      code: 1,
      text: expect.stringMatching(/hint: run DEPLOYMENT=life CONFIRM=life make teardown/),
    });
    const wrong = await life.run("teardown", { CONFIRM: "local" });
    expect(wrong).toMatchObject({ code: 1, text: expect.stringMatching(/CONFIRM is "local"/) });
    expect(await life.trace()).toEqual(before);
  });

  test("teardown says what dies, and leaves no container, volume, network or process behind; keys and secrets stay", async () => {
    const { paths } = life.deployment;
    const { host } = localNames(life.deployment);
    expect((await leftOf(host)).length).toBeGreaterThan(0);
    const { text } = await life.make("teardown", { CONFIRM: life.name });
    expect(text).toMatch(/the database, logs, DAG releases: volume .*-data, \d+(\.\d+)? [kMG]i?B, .* old/);
    expect(await leftOf(host)).toEqual([]);
    expect(processesOf(host)).toEqual([]);
    for (const file of [paths.sshKey, paths.ageIdentity, paths.secrets]) expect(existsSync(file)).toBe(true);
  });

  test("a second teardown finds nothing to do", async () => {
    expect((await life.make("teardown", { CONFIRM: life.name })).stdout).toBe("nothing to do\n");
  });
}
