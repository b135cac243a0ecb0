import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import type { Deployment } from "../deployment/deployment";
import { UserError } from "../base/errors";

const HostOutput = z.strictObject({
  role: z.enum(["main", "worker"]),
  /** Every new machine has another one: EC2's instance id, or the random id of a local host. */
  id: z.string().min(1),
  /** Where sshd answers, and the user to log in as. */
  address: z.string().min(1),
  port: z.int().min(1).max(65535),
  user: z.string().min(1),
  /** The address at which the deployment's other hosts reach this one. */
  privateAddress: z.string().min(1),
});
export type HostOutput = Readonly<z.infer<typeof HostOutput>>;

/** What `make infrastructure` hands over to the other verbs: the same for every kind of infrastructure. */
export const Outputs = z.strictObject({
  hosts: z.array(HostOutput).min(1),
  /**
   * What is to be mounted at /srv/airflow: EC2's volume, another block device, or a folder; null if infrastructure, or
   * somebody else, has mounted something there.
   */
  dataDevice: z.nullable(
    z.union([
      z.strictObject({ volumeId: z.string() }),
      z.strictObject({ device: z.string() }),
      z.strictObject({ folder: z.string() }),
    ]),
  ),
  /** The bucket to which the host may add backups. */
  backupBucket: z.string().optional(),
});
export type Outputs = Readonly<z.infer<typeof Outputs>>;

/** How messages name a host: `ubuntu@127.0.0.1:2222`. */
export const loginOf = ({ user, address, port }: HostOutput): string => `${user}@${address}:${port}`;

export const hasOutputs = ({ paths }: Deployment): boolean => existsSync(paths.outputs);

/** Reads what `make infrastructure` handed over. @throws UserError if it has not run yet, or the file is damaged */
export function readOutputs(deployment: Deployment): Outputs {
  const file = deployment.paths.outputs;
  if (!hasOutputs(deployment)) {
    throw new UserError(`no infrastructure yet for the deployment "${deployment.name}"`, "run make infrastructure");
  }
  try {
    return Outputs.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (cause) {
    throw new UserError(`${file} is damaged`, "run make infrastructure: it writes the file again", { cause });
  }
}
