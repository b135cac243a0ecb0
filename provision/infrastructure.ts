import { existsSync, mkdirSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { HostOutput, Outputs } from "../infra/outputs";
import { checkAws, refuseFullBucket, refuseTwin } from "./aws/aws-checks";
import { holdingSignals } from "./base/child";
import { confirmLosses } from "./stacks/confirm";
import type { Deployment } from "./deployment/deployment";
import { UserError } from "./base/errors";
import { learnHostKeys } from "./stacks/host-keys";
import { knownHostName, pinHost, readPins } from "./link/known-hosts";
import { localNames, readLocalHost } from "./local/local-docker";
import { duration, print, say, showStatus } from "./base/output";
import { runScript } from "./script";
import { InfrastructurePlan, applyInfrastructure, terraformOutputs } from "./stacks/terraform-plan";
import { waitForHost } from "./link/wait-for-host";

runScript(async (deployment) => {
  const started = Date.now();
  requireKey(deployment);
  showStatus("planning …");
  const { changes, outputs } = await holdingSignals(() => makeInfrastructure(deployment));
  if (changes.length === 0) return print("nothing to do");
  print(
    `infrastructure is ready in ${duration((Date.now() - started) / 1000)}: ${outputs.hosts.map(login).join(", ")}; next: make provision`,
  );
});

async function makeInfrastructure(deployment: Deployment): Promise<InfrastructurePlan & { readonly outputs: Outputs }> {
  if (deployment.infrastructure === "aws") await checkAws(deployment);
  const plan = await applyInfrastructure(
    deployment,
    async (planned) => {
      say(planned.text);
      if (deployment.infrastructure === "aws") {
        await refuseTwin(deployment, planned.changes);
        await refuseFullBucket(deployment, planned.changes);
      }
      await confirmLosses(deployment, planned, "infrastructure");
    },
    (line) => say(`  ${line}`),
  );
  const outputs = await learnOutputs(deployment);
  writeOutputs(deployment, outputs);
  for (const host of outputs.hosts) {
    // A pin of this very instance was learned the same way once, here or by another operator: a console forgets.
    if (deployment.isLocal || pinsOf(deployment, host).length === 0)
      pin(deployment, host, await learnHostKeys(deployment, host));
    await waitForHost(deployment, host, deployment.isLocal ? 60 : 300);
  }
  return { ...plan, outputs };
}

/** A host that nobody can log in to is of no use. */
function requireKey({ operators, paths }: Deployment): void {
  if (operators.length > 0 || existsSync(`${paths.sshKey}.pub`)) return;
  throw new UserError(`there is no SSH key: ${paths.sshKey}.pub`, "run make keypair");
}

const login = ({ user, address, port }: HostOutput): string => `${user}@${address}:${port}`;

/** What the stacks say, and what only the machine that runs the host knows. */
async function learnOutputs(deployment: Deployment): Promise<Outputs> {
  const { hosts, ...outputs } = (await terraformOutputs(deployment)) as { hosts: object[] };
  if (!deployment.isLocal) return Outputs.parse({ hosts, ...outputs });
  const local = await readLocalHost(localNames(deployment));
  return Outputs.parse({
    hosts: hosts.map((host) => ({ ...host, privateAddress: local?.privateAddress })),
    dataDevice: null,
  });
}

function writeOutputs({ paths }: Deployment, outputs: Outputs): void {
  mkdirSync(dirname(paths.outputs), { recursive: true });
  writeFileSync(`${paths.outputs}.tmp`, `${JSON.stringify(outputs, null, 2)}\n`);
  renameSync(`${paths.outputs}.tmp`, paths.outputs);
}

const pinsOf = (deployment: Deployment, host: HostOutput): string[] =>
  readPins(deployment)
    .filter(({ name, id }) => name === knownHostName(host) && id === host.id)
    .map(({ type, key }) => `${type} ${key}`);

function pin(deployment: Deployment, host: HostOutput, keys: readonly string[]): void {
  const known = pinsOf(deployment, host);
  if (known.length === 0) return pinHost(deployment, host, keys);
  if (known.some((key) => keys.includes(key))) return;
  throw new UserError(
    `the SSH host key of ${login(host)} (${host.id}) is not the one that is pinned`,
    `somebody may have replaced it; if you did, delete its line in ${deployment.paths.knownHosts}`,
  );
}
