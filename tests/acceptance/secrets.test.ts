import { secretFilesOf } from "../../provision/release/release";
import { Command, sh } from "../../provision/base/shell";
import { SECRET_FILES } from "../../provision/release/wanted";
import { runningDeployment } from "../support/running-deployment";

const running = runningDeployment();

/** Names of the secrets whose value occurs in a text: a failing test must not print the value. */
const secretsIn = (text: string): string[] =>
  [...secretFilesOf(running.secrets), ["label_key", running.secrets.label_key] as const].flatMap(([name, value]) =>
    text.includes(value) ? [name] : [],
  );

test.each<[where: string, command: Command]>([
  ["the description of any container", sh`docker ps --all --quiet --no-trunc | xargs -r docker inspect`],
  [
    "the history of any image",
    sh`docker image ls --quiet --no-trunc | sort -u | xargs -r -n 1 docker image history --no-trunc`,
  ],
  ["the arguments of any process", sh`cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' '; true`],
  ["the environment of any process", sh`cat /proc/[0-9]*/environ 2> /dev/null | tr '\\0' '\\n'; true`],
  ["the description of any systemd unit", sh`systemctl show '*' --property=Description,Environment,ExecStart`],
  ["the releases", sh`cat /srv/airflow/current/compose.yaml; grep -rIh . /srv/airflow/current/ | head -c 50000000`],
  [
    "the records of changes",
    sh`cat /var/lib/airflow-deployment/changes/*/* /srv/airflow/changes/*/* 2> /dev/null; true`,
  ],
  ["the services' logs of the last day", sh`docker ps --all --quiet | xargs -r -n 1 docker logs --since 24h 2>&1`],
])("no secret is in %s", async (_where, command) => {
  const text = await running.root(command);
  expect(text).not.toBe("");
  expect(secretsIn(text)).toEqual([]);
});

test("the search finds a secret where there is one", async () => {
  expect(secretsIn(await running.root(sh`cat ${SECRET_FILES}/*`))).toEqual([...secretFilesOf(running.secrets).keys()]);
});

test("the secrets' files are root's, and only a group of their own may read them", async () => {
  const files = (await running.root(sh`stat -c '%n %U:%g %a' ${SECRET_FILES}/*`)).trim().split("\n");
  expect(files.map((line) => line.split(" ").slice(1).join(" "))).toEqual(files.map(() => "root:50001 440"));
});
