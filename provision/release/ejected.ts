import { join } from "node:path";
import type { UploadFile } from "../change/planning";
import type { Release } from "./release";
import { sh } from "../base/shell";
import { CURRENT, RELEASES, SECRET_FILES } from "./wanted";

/** What a deployment is without this tool. */
export interface Ejected {
  readonly name: string;
  readonly stacks: Readonly<Record<"data" | "host", object>>;
  /** Where a state that is kept on this machine lies. */
  readonly stateFolder: string;
  readonly release: Release;
}

/** The files of the folder; pure. It holds no secret. */
export const ejectedFiles = ({ name, stacks, stateFolder, release }: Ejected): UploadFile[] => [
  { path: "README.md", content: readme(name) },
  { path: "terraform/apply.sh", content: applyScript(stacks.host), mode: 0o755 },
  ...(["data", "host"] as const).map((stack) => ({
    path: `terraform/${stack}/main.tf.json`,
    content: `${JSON.stringify(plain(stacks[stack], join(stateFolder, `${stack}.tfstate`)), null, 2)}\n`,
  })),
  { path: "release/install.sh", content: INSTALL, mode: 0o755 },
  ...release.files.map(({ path, content, mode }) => ({
    path: `release/files/${path}`,
    content,
    ...(mode && { mode }),
  })),
];

/** Without the notes that cdktf leaves; the state stays where it is. */
function plain(stack: object, state: string): object {
  const text = JSON.stringify(stack, (key, value: unknown) => (key === "//" ? undefined : value));
  const config = JSON.parse(text) as { terraform: { backend: { local?: { path: string } } } };
  if (config.terraform.backend.local) config.terraform.backend.local.path = state;
  return config;
}

/** The host stack asks for what the data stack says. */
function applyScript(host: object): string {
  const names = Object.keys((host as { variable?: object }).variable ?? {});
  return `#!/bin/sh
# Makes the infrastructure what the two folders say: the data first, then the host, which asks for the data's ids.
# ./apply.sh plan shows what that would change.
set -e
cd "$(dirname "$0")"
verb=\${1:-apply}
terraform -chdir=data init -input=false
terraform -chdir=data "$verb"
${names.map((name) => `TF_VAR_${name}=$(terraform -chdir=data output -raw ${name})\nexport TF_VAR_${name}`).join("\n")}
terraform -chdir=host init -input=false
terraform -chdir=host "$verb"
`;
}

const COMPOSE = sh`docker compose --project-name airflow --project-directory ${CURRENT} --file ${`${CURRENT}/compose.yaml`}`;

const INSTALL = `#!/bin/sh
# Run as root on the host, beside files/: puts files/ on the host as a release of its own and lets Airflow run from it.
# The images that compose.yaml names are there already; after a change below files/images build them first (README.md).
set -e
cd "$(dirname "$0")"
release=$(cd files && find . -type f -exec sha256sum {} + | sort | sha256sum | cut -c 1-16)
mkdir -p ${RELEASES}
[ -e ${RELEASES}/"$release" ] || { cp -R files ${RELEASES}/".new-$release" && mv ${RELEASES}/".new-$release" ${RELEASES}/"$release"; }
ln -sfn releases/"$release" ${CURRENT}.new && mv -T ${CURRENT}.new ${CURRENT}
exec ${COMPOSE.text} up --detach --remove-orphans --wait
`;

const readme = (name: string): string => `# The deployment ${name}, without the tool that made it

Needs Terraform (or OpenTofu), ssh and Docker Compose on the host; no Node, no cdktf. No secret is in this folder.

- \`terraform/data\`, \`terraform/host\`: plain Terraform, with the state where it was. \`terraform/apply.sh plan\` finds
  nothing to change; \`terraform/apply.sh\` applies what you edit. Local state: move \`*.tfstate\` to where it shall live
  and say so in \`backend.local.path\`. Before you destroy what is protected, take \`prevent_destroy\` out.
- \`release/files\`: what lies in \`${CURRENT}\` on the host: the Compose file and the images' sources.
  \`release/install.sh\`, run there as root, installs it: \`tar c release | ssh HOST 'tar x && sudo release/install.sh'\`.
- A role of DAGs in AWS (\`aws.taskRole\`) is taken on by \`airflow-task-role.timer\` on the host, which stays as it is.
- The secrets are in \`${SECRET_FILES}\` on the host, one file each, and in \`secrets/${name}.age\` of the checkout:
  \`age -d -i IDENTITY secrets/${name}.age\`.
- Images are built on the host: \`files/images/docker-bake.hcl\` has the targets, \`base.sh\` the base.
- Data: \`/srv/airflow\` on the volume of \`terraform/data\`. A dump: \`docker exec airflow-postgres-1 pg_dump -U postgres -Fc airflow\`.
- DAGs: \`/srv/airflow/dags/current\` is a link to a folder of \`dags/releases\`; a new folder there, then \`ln -sfn\`.
`;
