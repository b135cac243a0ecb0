import { Fact, live, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { TASK_ROLE, TaskRole, Wanted } from "../release/wanted";
import { writeFile } from "./files";

/** How long the credentials stay valid, in seconds, negative if they have expired; undefined if there are none. */
export const taskRoleValidity: Fact<number | undefined> = live(
  sh`expires=$(sed -n 's/.*"Expiration": "\\([^"]*\\)".*/\\1/p' ${`${TASK_ROLE}/credentials.json`}) && [ -n "$expires" ] && echo $(($(date -d "$expires" +%s) - $(date +%s)))`,
  ({ code, stdout }) => (code === 0 ? Number(stdout) : undefined),
);

/** The last try to assume the role has failed. Credentials of an earlier try may still be there, even those of another role. */
export const taskRoleFailed: Fact<boolean> = live(
  sh`systemctl is-failed airflow-task-role.service`,
  ({ stdout }) => stdout === "failed\n",
);

interface TaskRoleFacts {
  /** The files' texts; undefined where one is missing. */
  readonly found: readonly (string | undefined)[];
  readonly isTimed: boolean;
  readonly validFor: number | undefined;
  readonly hasFailed: boolean;
}

const SCRIPT = "/usr/local/lib/airflow-deployment/aws-host.py";
const CREDENTIALS = `${TASK_ROLE}/credentials.json`;
const UNIT = "airflow-task-role";
const unitFile = (kind: string): string => `/etc/systemd/system/${UNIT}.${kind}`;
const FILES = [SCRIPT, `${TASK_ROLE}/config`, unitFile("service"), unitFile("timer")];

/**
 * Gives DAGs their role in AWS. Every five minutes the host assumes the role for an hour and writes the credentials to a
 * file that tasks and triggers read. So containers need no access to the metadata service.
 */
export const taskRole: Step<Wanted, TaskRoleFacts> = {
  name: "task-role",
  facts: () => ({
    found: stable(
      sh`for file in ${FILES}; do if [ -e "$file" ]; then base64 -w 0 < "$file"; else printf -; fi; echo; done`,
      ({ stdout }) =>
        stdout
          .split("\n")
          .slice(0, FILES.length)
          .map((text) => (text === "-" || text === "" ? undefined : Buffer.from(text, "base64").toString())),
    ),
    isTimed: stable(
      sh`[ ! -e ${unitFile("timer")} ] || { systemctl is-enabled ${UNIT}.timer; systemctl is-active ${UNIT}.timer; }`,
      ({ stdout }) => stdout === "enabled\nactive\n",
    ),
    validFor: taskRoleValidity,
    hasFailed: taskRoleFailed,
  }),
  plan({ taskRole }, { found, isTimed, validFor, hasFailed }) {
    // What services still use goes after they were recreated: retireTaskRole.
    if (!taskRole) return [];
    const stale = textsOf(taskRole).flatMap((text, i) => (text === found[i] ? [] : [{ text, i }]));
    const actions: Action[] = stale.map(({ text, i }) => writeFile(FILES[i]!, text, { found: found[i] }));
    if (stale.length > 0 || hasFailed || validFor === undefined || validFor <= 0) actions.push(takeOn(taskRole));
    if (stale.length > 0 || !isTimed) actions.push(startTimer);
    return actions;
  },
};

/** Takes the credentials away after the services that mounted them were recreated. */
export const retireTaskRole: Step<Wanted, { isThere: boolean }> = {
  name: "retire-task-role",
  facts: () => ({
    isThere: stable(sh`for file in ${FILES}; do [ ! -e "$file" ] || echo "$file"; done`, ({ stdout }) => stdout !== ""),
  }),
  plan: ({ taskRole }, { isThere }) => (isThere && !taskRole ? [remove] : []),
};

/** In the order of FILES. */
const textsOf = ({ arn, region, session, script }: TaskRole): string[] => [
  script,
  `# Written by airflow-deployment: AWS_CONFIG_FILE of tasks and triggers. AWS's tools read the file with the credentials
# again before these expire.
[default]
region = ${region}
credential_process = /bin/cat ${TASK_ROLE}/credentials.json
`,
  `# Written by airflow-deployment.
[Unit]
Description=Assume the role that DAGs have in AWS
Wants=network-online.target
After=network-online.target
# Provisioning a few times in a row must not meet systemd's limit of five starts in ten seconds.
StartLimitIntervalSec=0

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 ${SCRIPT} assume ${arn} ${region} ${session} ${CREDENTIALS}
TimeoutStartSec=60
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=yes
ReadWritePaths=${TASK_ROLE}
`,
  `# Written by airflow-deployment.
[Timer]
OnActiveSec=0
OnUnitInactiveSec=5min
AccuracySec=1s

[Install]
WantedBy=timers.target
`,
];

const takeOn = ({ arn, trust }: TaskRole): Action => ({
  summary: `assume the role ${arn} for DAGs`,
  command: sh`chown root:0 ${TASK_ROLE} && chmod 0750 ${TASK_ROLE}
systemctl daemon-reload
since=$(date +%s)
systemctl start ${UNIT}.service 2> /dev/null && exit
said=$(journalctl _SYSTEMD_UNIT=${UNIT}.service --since "@$since" --output cat --no-pager --quiet)
echo "\${said:-systemd cannot start ${UNIT}.service}"
case $said in *AccessDenied*) echo ${`the role's trust policy must let ${trust} assume it`} ;; esac
exit 1`,
  detail: `tasks and triggers get its credentials`,
});

const startTimer: Action = {
  summary: `start ${UNIT}.timer`,
  command: sh`systemctl daemon-reload && systemctl enable --quiet ${UNIT}.timer && systemctl restart ${UNIT}.timer`,
  detail: "it renews the credentials every five minutes",
};

const remove: Action = {
  summary: "remove the AWS credentials of DAGs",
  command: sh`systemctl disable --quiet --now ${UNIT}.timer || true
rm -rf ${[TASK_ROLE, ...FILES]}
systemctl daemon-reload
systemctl reset-failed ${UNIT}.service 2> /dev/null || true`,
  detail: "the deployment file has no aws.taskRole",
};
