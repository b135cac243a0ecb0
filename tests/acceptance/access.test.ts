import { connect } from "node:net";
import { mainHost } from "../../provision/link/main-host";
import { sh } from "../../provision/base/shell";
import { SERVICES, TASK_ROLE } from "../../provision/release/wanted";
import { runningDeployment } from "../support/running-deployment";

const running = runningDeployment();

test("nothing but sshd listens where others could reach it", async () => {
  // Columns of ss: state, queues, local address, peer, processes.
  const listeners = (await running.root(sh`ss -Hltnp`)).split("\n").map((line) => line.split(/\s+/));
  const open = listeners.filter(([, , , local]) => local && !/^(127\.|\[::1\]|\[::ffff:127\.)/.test(local));
  const programs = open.map(([, , , local, , processes]) => `${local} ${/"([^"]+)"/.exec(processes ?? "")?.[1]}`);
  expect(programs.filter((program) => !/ (sshd|systemd)$/.test(program))).toEqual([]);
});

test("Airflow's port is published on the host's own loopback only", async () => {
  const ports = await running.root(sh`docker ps --format '{{.Ports}}'`);
  const published = ports.split(/[\n,]/).filter((port) => port.includes("->"));
  expect(published.map((port) => port.trim())).toEqual(["127.0.0.1:8080->8080/tcp"]);
});

test("Airflow and its database do not answer at the host's address", async () => {
  const { address } = mainHost(running.deployment);
  // A local host's address is this machine's: what listens here is not the host's.
  if (address.startsWith("127.")) return;
  expect(await Promise.all([8080, 5432, 2375].map((port) => answers(address, port)))).toEqual([false, false, false]);
});

test("only what runs tasks and triggers sees credentials of AWS, where the deployment file gives DAGs a role", async () => {
  const having = await running.root(
    sh`for service in ${SERVICES}; do
  if docker exec airflow-"$service"-1 test -e ${TASK_ROLE}; then
    docker exec airflow-"$service"-1 cat ${TASK_ROLE}/credentials.json > /dev/null && echo "$service"
  fi
done`,
  );
  expect(having.split("\n").filter(Boolean)).toEqual(
    running.deployment.aws?.taskRole ? ["scheduler", "triggerer"] : [],
  );
});

test("no service reaches the machine's metadata, whose credentials are the host's", async () => {
  const ask = `import urllib.request as u
u.build_opener(u.ProxyHandler({})).open(u.Request("http://169.254.169.254/latest/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}), timeout=2)`;
  const reached = await running.root(
    sh`for service in ${SERVICES.filter((service) => service !== "postgres")}; do
  docker exec airflow-"$service"-1 python -c ${ask} 2> /dev/null && echo "$service"; true
done`,
  );
  expect(reached).toBe("");
});

test("no service reaches the host: not its sshd, by no address of it", async () => {
  const answering = await running.root(
    sh`addresses=$(docker network inspect --format '{{range .IPAM.Config}}{{.Gateway}} {{end}}' airflow_default airflow_database; hostname -I | tr ' ' '\n' | grep -v :)
probe='for address; do (timeout 3 bash -c ": < /dev/tcp/$address/22" 2> /dev/null && echo "$name $address") & done; wait'
name=host sh -c "$probe" sh $addresses
for service in ${SERVICES}; do
  docker exec --env name="$service" airflow-"$service"-1 sh -c "$probe" sh $addresses &
done; wait; true`,
  );
  // The host itself does: so the question is a good one.
  expect([
    ...new Set(
      answering
        .trim()
        .split("\n")
        .map((line) => line.split(" ")[0]),
    ),
  ]).toEqual(["host"]);
});

test("a wrong password is refused", async () => {
  const login = running.airflow((airflow) => airflow.get("/dags"), "not-the-password");
  await expect(login).rejects.toThrow("does not accept the password");
});

test("nobody gets in without a login", async () => {
  const status = (path: string) =>
    running.root(sh`curl -s -o /dev/null -w '%{http_code}' ${`http://127.0.0.1:8080${path}`}`);
  expect(await Promise.all(["/api/v2/dags", "/api/v2/connections", "/api/v2/variables"].map(status))).toEqual([
    "401",
    "401",
    "401",
  ]);
});

test("a password does not open SSH, and root may not log in", async () => {
  const settings = await running.root(sh`sshd -T`);
  expect(settings).toMatch(/^passwordauthentication no$/m);
  expect(settings).toMatch(/^permitrootlogin (no|without-password|prohibit-password|forced-commands-only)$/m);
});

const answers = (host: string, port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 3000 });
    const end = (isOpen: boolean) => () => (socket.destroy(), resolve(isOpen));
    socket.on("connect", end(true)).on("error", end(false)).on("timeout", end(false));
  });
