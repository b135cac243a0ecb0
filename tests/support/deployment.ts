import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { generateIdentity, recipientOf } from "../../provision/deployment/age";
import { Deployment, parseSettings } from "../../provision/deployment/deployment";
import { pathsOf } from "../../provision/deployment/paths";
import { Draft, draftSecrets } from "../../provision/deployment/secrets-file";

/** A deployment with an age identity, in a temporary folder of its own. */
export async function temporaryDeployment(name = "local"): Promise<Deployment & { readonly root: string }> {
  const root = mkdtempSync(join(tmpdir(), "deployment-"));
  const before = process.env["AIRFLOW_STATE"];
  process.env["AIRFLOW_STATE"] = root;
  const paths = pathsOf(name, "local");
  if (before === undefined) delete process.env["AIRFLOW_STATE"];
  else process.env["AIRFLOW_STATE"] = before;
  mkdirSync(dirname(paths.ageIdentity), { recursive: true, mode: 0o700 });
  writeFileSync(paths.ageIdentity, await identityFile(), { mode: 0o600 });
  return { ...parseSettings("x.yaml", "infrastructure: local"), name, wantsRecovery: false, paths, root };
}

/** The text of a new identity file, as `make keypair` writes it. */
export async function identityFile(): Promise<string> {
  const identity = await generateIdentity();
  return `# public key: ${await recipientOf(identity)}\n${identity}\n`;
}

/** Whoever it is may read the secrets. */
export const agree = async (): Promise<void> => undefined;

/** The secrets. Missing ones are generated and kept, as by the first `make provision`. */
export async function ensureSecrets(deployment: Deployment): Promise<Draft> {
  const draft = await draftSecrets(deployment);
  await draft.keep(agree);
  return draft;
}
