import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recipientOf } from "../../provision/deployment/age";
import { localNames, readLocalHost } from "../../provision/local/local-docker";
import { ROOT } from "../../provision/deployment/paths";
import { ACCOUNT, REGION } from "../support/aws";
import { AwsStub, awsEnvironmentOf, consoleOutput, identity, offered, startAwsStub } from "../support/aws-stub";
import { FakeProvider, startFakeProvider } from "../support/fake-provider/server";
import { SystemdHost, makeSystemdHost } from "../support/systemd-host";

/**
 * The whole path of a deployment on AWS, with nothing of AWS: real Terraform with a stand-in for its provider, whose
 * instance is a real host with real Airflow; a stand-in for AWS's API, whose console shows that host's key.
 */
jest.setTimeout(15 * 60_000);

const NAME = "life-aws";
const DAGS_ROLE = `arn:aws:iam::${ACCOUNT}:role/dags`;
const root = mkdtempSync(join(tmpdir(), "life-aws-"));
let machine: SystemdHost;
let provider: FakeProvider;
let aws: AwsStub;

/**
 * What the container lacks of an EC2 instance: a second disk, which is mounted already (tests/integration/mount mounts a
 * real one), and a metadata service with a bucket behind it (tests/integration/cloud-state uploads for real).
 */
const DISK = `by=/dev/disk/by-id; mkdir -p $by; mknod /dev/nvme1n1 b 259 1
echo 'echo TYPE=ext4; echo UUID=0a' > /usr/local/sbin/blkid
echo 'case "$*" in *SOURCE*/srv/airflow) echo /dev/nvme1n1 ;; *) exec /usr/bin/findmnt "$@" ;; esac' > /usr/local/sbin/findmnt
echo 'echo 42949672960' > /usr/local/sbin/blockdev
echo 'echo "Block count: 10485760"; echo "Block size: 4096"' > /usr/local/sbin/dumpe2fs
echo 'if [ "$1" = - ]; then cat > /dev/null; [ ! -e /root/refuse ] || { echo HTTP 403; exit 1; }; echo "$*" >> /root/uploads; else exec /usr/bin/python3 "$@"; fi' > /usr/local/sbin/python3
for tool in blkid findmnt blockdev dumpe2fs python3; do sed -i '1i #!/bin/sh' /usr/local/sbin/$tool; chmod +x /usr/local/sbin/$tool; done
echo 'UUID=0a /srv/airflow ext4 defaults,nofail,x-systemd.device-timeout=30s 0 2' >> /etc/fstab`;

/** A metadata service and STS in one, on the host's loopback, for the unit that takes on DAGs' role.
 * Python comes only with provisioning. */
const METADATA = `cat > /root/stand-in.py << 'END'
import datetime, http.server, json
class Handler(http.server.BaseHTTPRequestHandler):
    def say(self, text):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text.encode())
    def do_PUT(self):
        self.say("token")
    def do_GET(self):
        keys = {"AccessKeyId": "ASIAHOST", "SecretAccessKey": "x", "Token": "x"}
        self.say("airflow-host" if self.path.endswith("/") else json.dumps(keys))
    def do_POST(self):
        asked = self.rfile.read(int(self.headers["content-length"])).decode()
        if "role%2Fdags&" not in asked:
            self.send_response(403)
            self.end_headers()
            self.wfile.write(b"<E><Error><Code>AccessDenied</Code><Message>not yours</Message></Error></E>")
            return
        until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        keys = f"<AccessKeyId>ASIADAGS</AccessKeyId><SecretAccessKey>y</SecretAccessKey><SessionToken>y</SessionToken><Expiration>{until}</Expiration>"
        self.say(f"<A xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><Credentials>{keys}</Credentials></A>")
http.server.HTTPServer(("127.0.0.1", 1338), Handler).serve_forever()
END
systemd-run --quiet --unit stand-in --property=Restart=always --property=RestartSec=1 --property=StartLimitIntervalSec=0 /usr/bin/python3 /root/stand-in.py
mkdir -p /etc/systemd/system/airflow-task-role.service.d
printf '[Service]\nEnvironment=%s %s\n' AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:1338 AWS_ENDPOINT_URL_STS=http://127.0.0.1:1338 > /etc/systemd/system/airflow-task-role.service.d/stand-in.conf`;
import { context } from "../support/context";

beforeAll(async () => {
  machine = await makeSystemdHost();
  const { paths } = machine.deployment;
  const host = await readLocalHost(context, localNames(machine.deployment));
  provider = await startFakeProvider({ ip: host!.privateAddress });
  aws = await startAwsStub();
  const key = machine.root("cat /etc/ssh/ssh_host_ed25519_key.pub").trim();
  const shown = `-----BEGIN SSH HOST KEY KEYS-----\n${key}\n-----END SSH HOST KEY KEYS-----\n`;
  const answers: Record<string, () => ReturnType<AwsStub["answer"]>> = {
    GetCallerIdentity: () => identity(ACCOUNT),
    DescribeInstanceTypeOfferings: () => offered(`${REGION}a`),
    DescribeAvailabilityZones: () => offered(`${REGION}a`),
    GetConsoleOutput: () => consoleOutput(shown),
    DescribeSnapshots: () => ({
      body: `<X><snapshotSet><item><snapshotId>snap-0final</snapshotId><volumeSize>40</volumeSize><startTime>2026-01-01T00:00:00.000Z</startTime></item></snapshotSet></X>`,
    }),
  };
  aws.answer = (action) => answers[action]?.() ?? (action.startsWith("Describe") ? { body: "<X></X>" } : {});

  const ssh = readFileSync(`${paths.sshKey}.pub`, "utf8").trim();
  const age = await recipientOf(/^AGE-SECRET-KEY-.*$/m.exec(readFileSync(paths.ageIdentity, "utf8"))![0]);
  const operators = [{ name: "ada", ssh, age, cidrs: ["203.0.113.7/32"] }];
  mkdirSync(join(root, "deployments"));
  const file = { infrastructure: "aws", operators, aws: { account: ACCOUNT, region: REGION, taskRole: DAGS_ROLE } };
  writeFileSync(join(root, "deployments", `${NAME}.yaml`), JSON.stringify(file));
});

afterAll(async () => {
  machine?.remove();
  provider?.stop();
  await aws?.stop();
  rmSync(root, { recursive: true, force: true });
});

async function make(verb: string, variables: Record<string, string> = {}): Promise<{ code: number; text: string }> {
  const { paths } = machine.deployment;
  const env = {
    ...process.env,
    ...awsEnvironmentOf(aws.url),
    ...provider.env,
    DEPLOYMENT: NAME,
    AIRFLOW_DEPLOYMENTS: join(root, "deployments"),
    AIRFLOW_STATE: join(root, "state"),
    AIRFLOW_SSH_KEY: paths.sshKey,
    AIRFLOW_AGE_IDENTITY: paths.ageIdentity,
    HOME: root,
    ...variables,
  };
  // A process of its own must be able to ask this one: no waiting in between.
  const args = ["run", verb];
  const child = spawn(process.execPath, args, { cwd: ROOT, env, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part: Buffer) => (text += part.toString()));
  const code = await new Promise<number>((resolve) => child.once("close", (status) => resolve(status ?? -1)));
  return { code, text };
}

async function succeed(verb: string, variables: Record<string, string> = {}): Promise<string> {
  const { code, text } = await make(verb, variables);
  if (code !== 0) throw new Error(`make ${verb} ended with ${code}:\n${text}`);
  return text;
}

test("make plan shows both stacks and asks AWS only who we are and what it offers", async () => {
  const text = await succeed("plan");
  expect(text).toMatch(/infrastructure \(make infrastructure\):/);
  expect(text).toMatch(/host: there is none yet/);
  expect(aws.calls.sort()).toEqual([
    "DescribeAvailabilityZones",
    "DescribeInstanceTypeOfferings",
    "DescribeInstances",
    "GetCallerIdentity",
  ]);
});

test("make infrastructure makes the host and pins the key that its console shows", async () => {
  expect(await succeed("infrastructure")).toMatch(/infrastructure is ready/);
  expect(aws.calls).toContain("GetConsoleOutput");
  const pins = readFileSync(join(root, "deployments", `${NAME}.known_hosts`), "utf8");
  expect(pins).toMatch(/^172\.\S+ ssh-ed25519 \S+ i-\w+\n$/);
  machine.root(DISK);
  machine.root(METADATA);
  const outputs = JSON.parse(readFileSync(join(root, "state", NAME, "outputs.json"), "utf8"));
  const device = outputs.dataDevice.volumeId.replace("-", "");
  machine.root(`ln -s /dev/nvme1n1 /dev/disk/by-id/nvme-Amazon_Elastic_Block_Store_${device}`);
});

test("make provision brings up Airflow, a second one finds nothing to do", async () => {
  await succeed("provision");
  expect(await succeed("provision")).toMatch(/nothing to do\n$/);
});

test("DAGs have the role that the deployment file gives them", async () => {
  const read = (service: string): string =>
    machine.root(
      `docker exec airflow-${service}-1 sh -c 'eval "$(sed -n "s/^credential_process = //p" "$AWS_CONFIG_FILE")"'`,
    );
  for (const service of ["scheduler", "triggerer"]) {
    expect(JSON.parse(read(service))).toMatchObject({ Version: 1, AccessKeyId: "ASIADAGS" });
  }
  // The timer renews them without anybody's doing.
  machine.root("rm /opt/airflow/task-role/credentials.json; systemctl restart airflow-task-role.timer");
  machine.root("timeout 20 sh -c 'until [ -e /opt/airflow/task-role/credentials.json ]; do sleep 0.2; done'");
  expect(await succeed("status")).toMatch(/DAGs' role +credentials for another \d+ min/);
});

test("a role that refuses is nothing to be done with until it lets the host in", async () => {
  const file = join(root, "deployments", `${NAME}.yaml`);
  const right = readFileSync(file, "utf8");
  writeFileSync(file, right.replace(DAGS_ROLE, `${DAGS_ROLE}-not`));
  const refused = /may not assume the role \S+-not: AccessDenied: not yours\n.*trust policy must let \S+ assume it/s;
  for (const _ of ["first", "second"])
    expect(await make("provision")).toMatchObject({ code: 1, text: expect.stringMatching(refused) });
  expect(await succeed("plan")).toMatch(/assume the role \S+-not for DAGs/);
  const status = await make("status");
  expect(status).toMatchObject({
    code: 1,
    text: expect.stringMatching(/the host could not assume DAGs' role in AWS/),
  });
  writeFileSync(file, right);
  await succeed("provision");
  expect(await succeed("provision")).toMatch(/nothing to do\n$/);
  await succeed("status");
});

test("make test passes against it", async () => {
  await succeed("dags");
  await succeed("test");
});

test("make eject writes a release that installs itself, and provisioning takes over again", async () => {
  const folder = join(root, "ejected");
  await succeed("eject", { EJECT_TO: folder });
  const tar = execFileSync("tar", ["--create", "--directory", folder, "release"], { encoding: "base64" });
  machine.root(`mkdir /root/ejected && base64 -d << 'END' | tar --extract --directory /root/ejected
${tar}
END
/root/ejected/release/install.sh`);
  // The same files have the same name, whoever installs them. An edited release has another, and provisioning replaces it.
  expect(await succeed("provision")).toMatch(/nothing to do\n$/);
  machine.root("cd /root/ejected/release && echo '# ours now' >> files/compose.yaml && ./install.sh");
  const running = () => machine.root("docker ps --format '{{.Names}} {{.Status}}' | grep -c '(healthy)'").trim();
  expect(running()).toBe("5");
  const text = await succeed("provision");
  expect(text).toMatch(/^ {2}switched to release \w+$/m);
  // The same services: none was made again.
  expect(text).not.toMatch(/start/);
  expect(running()).toBe("5");
});

test("a bucket that refuses its copy does not keep the backup from coming here", async () => {
  machine.root("touch /root/refuse");
  const { code, text } = await make("backup");
  machine.root("rm /root/refuse");
  expect(code).toBe(1);
  expect(text).toMatch(/^backup .*verified.*error: "put a copy into the bucket \S+" failed on .*HTTP 403/ms);
  // One that is not the newest does not count below.
  rmSync(join(root, "airflow-backups"), { recursive: true });
});

test("make teardown wants a backup and the plan's id, and says what still costs money", async () => {
  const outputs = join(root, "state", NAME, "outputs.json");
  renameSync(outputs, `${outputs}.aside`);
  // A clone that has never met the host wants it too.
  expect(await make("teardown")).toMatchObject({ code: 1, text: expect.stringMatching(/there is no backup in/) });
  renameSync(`${outputs}.aside`, outputs);
  expect(await make("teardown")).toMatchObject({ code: 1, text: expect.stringMatching(/there is no backup in/) });
  await succeed("backup");
  expect(machine.root("cat /root/uploads")).toMatch(
    /^- upload airflow-backups-123456789012-life-aws 123456789012 eu-central-1 airflow\/(\S+)\/ \/srv\/airflow\/backups\/\1\n$/,
  );
  const { code, text } = await make("teardown");
  const [, confirm] = /CONFIRM=(\S+) make teardown/.exec(text) ?? [];
  expect({ code, confirm }).toEqual({ code: 1, confirm: expect.stringMatching(new RegExp(`^${NAME}@`)) });
  const gone = await succeed("teardown", { CONFIRM: confirm! });
  expect(gone).toMatch(
    /gone, in .*; keys, secrets and backups stay\nwhat still costs money:\n {2}snapshot snap-0final, of 40 GiB/,
  );
  expect(existsSync(join(root, "state", NAME, "outputs.json"))).toBe(false);
  expect(readFileSync(join(root, "secrets", `${NAME}.age`), "utf8")).toMatch(/^age-encryption|BEGIN AGE/);
});
