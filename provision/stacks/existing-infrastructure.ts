import { createHash } from "node:crypto";
import type { Context } from "../base/context";
import { UserError } from "../base/errors";
import type { Deployment } from "../deployment/deployment";
import { HostOutput, Outputs, hasOutputs, loginOf, readOutputs } from "../link/outputs";
import type { Infrastructure } from "./infrastructure";
import type { PlannedChange } from "./planned-changes";

/** A machine that is there already. Terraform makes nothing of it; its host key stands in the deployment file. */
export function existingInfrastructure(context: Context, deployment: Deployment): Infrastructure {
  const wanted = outputsOf(deployment);
  const [host] = wanted.hosts;
  return {
    context,
    deployment,
    check: async () => undefined,
    refuse: async () => undefined,
    notes: () => [],
    readsEmptyPlans: false,
    destroysWhole: () => false,
    withoutTerraform: () => changesOf(deployment, wanted),
    complete: async () => wanted,
    hostKeys: {
      read: async () => [keyOf(deployment)],
      forgets: false,
      seconds: 0,
      pause: 0,
      hint: "name the host's key in the deployment file",
    },
    bootSeconds: 10,
    tearDown: async () => {
      throw new UserError(
        `${loginOf(host!)} was not made by this tool, so it does not destroy it`,
        'to remove Airflow from it: make ssh CMD="sudo docker compose --project-directory /srv/airflow/current down"; its data is in /srv/airflow',
      );
    },
  };
}

/** `ssh-ed25519 AAAA…`, without a comment. */
const keyOf = ({ hosts }: Deployment): string => hosts[0]!.hostKey.trim().split(" ").slice(0, 2).join(" ");

/** Another machine has another host key, and so another id. */
function outputsOf(deployment: Deployment): Outputs {
  const { role, address, port, user, data } = deployment.hosts[0]!;
  const id = `host-${createHash("sha256").update(keyOf(deployment)).digest("hex").slice(0, 12)}`;
  const host: HostOutput = { role, id, address, port, user, privateAddress: address };
  return { hosts: [host], dataDevice: data ? (data.startsWith("/dev/") ? { device: data } : { folder: data }) : null };
}

function changesOf(deployment: Deployment, wanted: Outputs): PlannedChange[] {
  const digest = JSON.stringify(wanted);
  if (hasOutputs(deployment) && JSON.stringify(knownOutputs(deployment)) === digest) return [];
  const summary = `use ${loginOf(wanted.hosts[0]!)}, which is there already, and pin its SSH host key`;
  return [{ stack: "host", address: "host", action: "create", summary, digest }];
}

function knownOutputs(deployment: Deployment): Outputs | undefined {
  try {
    return readOutputs(deployment);
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}
