import { Life, touched } from "../../support/life";

interface Drift {
  /** What somebody did to the host. */
  readonly what: string;
  /** As a script, run by root. */
  readonly script: string;
  /** What `make plan` shows of it. */
  readonly plan: RegExp;
  /** What provisioning says that it did, all of it. */
  readonly did: readonly RegExp[];
  /** The services that are started anew by its mending; the others never notice. */
  readonly touched?: readonly string[];
}

const RELEASE = "/srv/airflow/$(readlink /srv/airflow/current)";
const HEALTHY = /^waited for the heartbeats of all services/;

const DRIFTS: readonly Drift[] = [
  {
    what: "an edited file of the release",
    script: "sed -i 's/jit=off/jit=on/' /srv/airflow/current/compose.yaml",
    plan: /^ +-.*jit=on.*\n +\+.*jit=off/m,
    did: [/^unpacked release/],
  },
  {
    what: "a file that does not belong to the release",
    script: "touch /srv/airflow/current/notes.txt",
    plan: /notes\.txt: does not belong here/,
    did: [/^unpacked release/],
  },
  {
    what: "a removed release folder",
    script: `rm -r "${RELEASE}"`,
    plan: /unpack release/,
    did: [/^unpacked release/],
  },
  {
    what: "a wrong directory mode",
    script: "chmod 777 /srv/airflow/logs && chown 1000 /srv/airflow/backups",
    plan: /logs: 50000:0 777 → 50000:0 775\n.*backups: 1000:0 700 → 0:0 700/,
    did: [/^set owner and mode of 2 directories/],
  },
  {
    what: "an edited secret file",
    script: "printf wrong > /opt/airflow/secrets/jwt_secret",
    plan: /write the secret jwt_secret\n +it differs \(values are not shown\)/,
    did: [/^wrote the secret jwt_secret/],
  },
  {
    what: "a secret that everybody on the host may read",
    script: "chmod 444 /opt/airflow/secrets/fernet_key",
    plan: /write the secret fernet_key/,
    did: [/^wrote the secret fernet_key/],
  },
  {
    what: "another door to the database",
    script: "echo 'host all all all trust' >> /srv/airflow/postgres/17/pg_hba.conf",
    plan: /^ +-host all all all trust/m,
    did: [/^wrote .*pg_hba\.conf/, /^let Postgres read again who may connect/],
  },
  {
    what: "a password that somebody gave to the owner of the database",
    script: `docker exec airflow-postgres-1 psql -X -q -U airflow -d airflow -c "alter role airflow password 'x'"`,
    plan: /set the role airflow of the database/,
    did: [/^set the role airflow of the database/],
  },
  {
    what: "an edited daemon.json",
    script: `sed -i 's/"20m"/"90m"/' /etc/docker/daemon.json`,
    plan: /^ +-.*"90m".*\n +\+.*"20m"/m,
    did: [/^wrote \/etc\/docker\/daemon\.json/, /^restarted docker/],
  },
  {
    what: "a flushed firewall",
    script: "iptables --flush INPUT",
    plan: /set the firewall between containers and the host/,
    did: [/^set the firewall between containers and the host/],
  },
  {
    what: "a way in for somebody else",
    script: `mkdir -p /root/.ssh; echo "ssh-ed25519 AAAA eve" > /root/.ssh/authorized_keys
rm /etc/ssh/sshd_config.d/00-airflow-deployment.conf`,
    plan: /let only the operators log in\n.*00-airflow-deployment\.conf: it is missing\n +remove the SSH keys of root/,
    did: [/^let only the operators log in/, /^removed the SSH keys of root/],
  },
  {
    what: "a container that was killed, which Docker does not start again",
    script: "docker kill airflow-triggerer-1",
    plan: /triggerer: started, its container's state is exited\n +postgres: kept/,
    did: [/^started triggerer/, HEALTHY],
    touched: ["triggerer"],
  },
  {
    what: "a deleted container",
    script: "docker rm --force airflow-dag-processor-1",
    plan: /dag-processor: created, it has no container\n +postgres: kept/,
    did: [/^started dag-processor/, HEALTHY],
    touched: ["dag-processor"],
  },
  {
    what: "a deleted image",
    script: "docker image rm --force $(docker image ls --format '{{.Repository}}:{{.Tag}}' | grep postgres)",
    plan: /build the postgres image\n +\S+ is not on the host/,
    did: [/^built the postgres image/],
  },
];

/** The lines of a provision that tell what it did. */
const done = (text: string): string[] =>
  text.split("\n").flatMap((line) => /^ {2}(\S.*?)(?: \(\d.*\))?$/.exec(line)?.[1] ?? []);

/** What people do to hosts between runs. */
export function drift(life: Life): void {
  test.each(DRIFTS)("$what is shown by make plan, and exactly that is mended", async (drift) => {
    const before = await life.trace();
    await life.host(drift.script);
    const plan = await life.run("plan");
    expect(plan.text).toMatch(drift.plan);
    const { code, text } = await life.run("provision");
    expect({ code, did: done(text) }).toEqual({ code: 0, did: drift.did.map((line) => expect.stringMatching(line)) });
    const after = await life.trace();
    expect(touched(before, after)).toEqual(drift.touched ?? []);
    expect(after).toMatchObject({ release: before.release, dagRelease: before.dagRelease });
    expect((await life.run("provision")).stdout).toBe("nothing to do\n");
  });

  test("what services see of an edited secret is mended, too", async () => {
    const secrets = await life.host("cat /opt/airflow/secrets/jwt_secret");
    for (const service of ["scheduler", "api-server"])
      expect(await life.host(`docker exec airflow-${service}-1 cat /run/secrets/jwt_secret`)).toBe(secrets);
  });

  test("a change that was killed half-way is mended by the next run, which says so", async () => {
    await life.host("chmod 700 /srv/airflow/logs; docker rm --force airflow-triggerer-1");
    const before = await life.trace();
    const killed = life.start("provision");
    await killed.says(/set owner and mode/);
    await life.host("systemctl kill --signal=KILL airflow-change.service");
    expect(await killed.ended).toMatchObject({
      code: 1,
      text: expect.stringMatching(/error: the change was interrupted at "/),
    });
    const next = await life.run("provision");
    expect(next).toMatchObject({ code: 0 });
    expect(touched(before, await life.trace())).toEqual(["triggerer"]);
    expect((await life.run("provision")).stdout).toBe("nothing to do\n");
  });

  test("data of which nothing says whose it is is used by nobody, until the operator says it with the hint's own command", async () => {
    const before = await life.trace();
    await life.host("mv /srv/airflow/identity.json /root/");
    const { code, text } = await life.run("provision");
    expect({ code, text }).toEqual({ code: 1, text: expect.stringMatching(/nothing says whose it is/) });
    const [, command] = /^hint: nothing was changed; .* say so on the host: (DEPLOYMENT=life make ssh CMD=.*)$/m.exec(
      text,
    )!;
    expect(await life.paste(command!)).toMatchObject({ code: 0 });
    await life.host("diff /srv/airflow/identity.json /root/identity.json");
    expect(await life.run("provision")).toMatchObject({ code: 0, stdout: "nothing to do\n" });
    expect(await life.trace()).toEqual(before);
  });
}
