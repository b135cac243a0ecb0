import { execFileSync } from "node:child_process";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { path, detailOf, unhealthy } from "../../provision/api/airflow-api";
import { pathsOf } from "../../provision/deployment/paths";
import { SortedLogs, logsCommand } from "../../provision/page/service-logs";
import { sshArguments } from "../../provision/link/ssh-arguments";

describe("logs", () => {
  test.each<[service: string | undefined, lines: string | undefined, follow: boolean, end: string]>([
    [undefined, undefined, false, "logs --no-color --timestamps --tail=100"],
    ["scheduler", "all", false, "logs --no-color --timestamps --tail=all scheduler"],
    ["postgres", "5", true, "logs --no-color --timestamps --tail=5 postgres --follow & cat; kill $!"],
  ])("SERVICE=%s LINES=%s FOLLOW=%s", (service, lines, follow, end) => {
    expect(logsCommand(service, lines, follow).text).toBe(
      `docker compose --project-name airflow --project-directory /srv/airflow/current --file /srv/airflow/current/compose.yaml ${end}`,
    );
  });

  test("an unknown service is an error that names the known ones", () => {
    expect(() => logsCommand("schedular", undefined, false)).toThrow(
      expect.objectContaining({
        message: "there is no service schedular",
        hint: "did you mean scheduler? the services are postgres, api-server, scheduler, dag-processor, triggerer",
      }),
    );
  });

  test.each(["-5", "many", "5; reboot", "1e3"])("LINES=%s is refused", (lines) =>
    expect(() => logsCommand(undefined, lines, false)).toThrow("is not a number of lines"),
  );
});

describe("logs of several services", () => {
  const printed = async (count: number, ...chunks: string[]): Promise<string> => {
    let text = "";
    const to = new Writable({ write: (chunk: Buffer, _encoding, done) => ((text += chunk.toString()), done()) });
    const logs = new SortedLogs(to, count);
    for (const chunk of chunks) logs.write(chunk);
    await new Promise<void>((resolve) => logs.end(resolve));
    logs.flush();
    return text;
  };
  const line = (service: string, second: number, text: string): string =>
    `\x1b[2K${service}-1  | 2026-11-26T16:45:0${second}.990020700Z ${text}\n`;

  test("are sorted by time; the newest are shown, and a time only once", async () => {
    const scheduler = line("scheduler", 1, "2026-11-26T16:45:01.97Z [info     ] one") + line("scheduler", 3, "three");
    const postgres = line("postgres", 0, "none") + line("postgres", 2, "2026-11-26 16:45:02.406 UTC [7] LOG:  two");
    expect(await printed(3, scheduler, postgres)).toBe(
      [
        "2026-11-26 16:45:01 scheduler     [info     ] one",
        "2026-11-26 16:45:02 postgres      [7] LOG:  two",
        "2026-11-26 16:45:03 scheduler     three\n",
      ].join("\n"),
    );
  });

  test("a line may come in pieces, and another after a silence is shown as it comes", async () => {
    let text = "";
    const to = new Writable({ write: (chunk: Buffer, _encoding, done) => ((text += chunk.toString()), done()) });
    const logs = new SortedLogs(to, 100);
    for (const char of line("triggerer", 5, "é")) logs.write(char);
    await sleep(400);
    expect(text).toBe("2026-11-26 16:45:05 triggerer     é\n");
    logs.write(line("triggerer", 1, "late"));
    expect(text).toMatch(/late\n$/);
  });
});

describe("ssh", () => {
  const target = {
    role: "main",
    id: "i-1",
    address: "203.0.113.7",
    port: 2222,
    user: "ubuntu",
    privateAddress: "10.0.0.1",
  } as const;
  const paths = { ...pathsOf("local", "local"), knownHosts: "/a place/known_hosts%h", sshKey: "/keys/ssh" };

  test("it trusts the pinned host key only, and offers the deployment's key only", () => {
    const text = sshArguments(paths, target, paths.sshKey).join(" ");
    expect(text).toContain("-o StrictHostKeyChecking=yes");
    expect(text).toContain('-o UserKnownHostsFile="/a place/known_hosts%%h" -o GlobalKnownHostsFile=/dev/null');
    expect(text).toContain("-o IdentitiesOnly=yes -i /keys/ssh -p 2222 ubuntu@203.0.113.7");
  });

  test("nothing that stands in ~/.ssh/config forwards an agent, asks the DNS for keys or takes another way", () => {
    const args = ["-o", "BatchMode=yes", "-G", ...sshArguments(paths, target, paths.sshKey)];
    const settings = execFileSync("ssh", args, { encoding: "utf8", stdio: "pipe" });
    expect(args.join(" ")).toContain(" -F /dev/null ");
    for (const line of ["forwardagent no", "verifyhostkeydns false", "hostname 203.0.113.7", "permitlocalcommand no"])
      expect(settings).toContain(`${line}\n`);
    expect(settings).not.toMatch(/^proxy(jump|command)/m);
  });

  test("a key without a file is the agent's", () => {
    expect(sshArguments(paths, target, `${paths.sshKey}.pub`).join(" ")).toMatch(/IdentitiesOnly=yes .*-i \S+\.pub /);
    expect(sshArguments(paths, target, undefined).join(" ")).not.toMatch(/IdentitiesOnly|-i /);
  });

  test("a command is one argument, as it was typed", () => {
    expect(sshArguments(paths, target, paths.sshKey, "df -h; id").slice(-2)).toEqual(["--", "df -h; id"]);
  });
});

describe("Airflow's API", () => {
  test("values in a path are encoded", () => {
    expect(path`/dags/${"a/b c"}/dagRuns/${"manual__2026+00:00"}/x/${1}`).toBe(
      "/dags/a%2Fb%20c/dagRuns/manual__2026%2B00%3A00/x/1",
    );
  });

  test.each([
    ['{"detail":"Dag not found"}', "Dag not found"],
    [
      '{"detail":[{"loc":["body","conf","day"],"msg":"Field required"},{"loc":["body","x"],"msg":"no"}]}',
      "conf.day: Field required; x: no",
    ],
    ['{"detail":{"reason":"unique"}}', '{"reason":"unique"}'],
    ["<html>\u001b[2JBad Gateway", "<html>Bad Gateway"],
    ["", "an empty answer"],
  ])("the detail of %s", (text, detail) => expect(detailOf(text)).toBe(detail));

  test("a component that is null or missing is not healthy", () => {
    const healthy = { status: "healthy" };
    expect(unhealthy({ metadatabase: healthy, scheduler: healthy, triggerer: { status: null } })).toEqual([
      "triggerer",
      "dag-processor",
    ]);
  });
});
