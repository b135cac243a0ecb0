import { join } from "node:path";
import type { UploadFile } from "../change/planning";
import type { Release } from "./release";
import { sh } from "../base/shell";
import { CURRENT, RELEASES, SECRET_FILES } from "./wanted";

/** What is needed to write a deployment as files that work without this tool. */
export interface Ejected {
  readonly name: string;
  readonly stacks: Readonly<Record<"data" | "host", object>>;
  /** Folder of Terraform's state files, if they are kept on this machine. */
  readonly stateFolder: string;
  readonly release: Release;
}

/** The files that `make eject` writes. None of them holds a secret. */
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

/** A stack's configuration without cdktf's comments. A local state stays where it is. */
function plain(stack: object, state: string): object {
  const text = JSON.stringify(stack, (key, value: unknown) => (key === "//" ? undefined : value));
  const config = JSON.parse(text) as { terraform: { backend: { local?: { path: string } } } };
  if (config.terraform.backend.local) config.terraform.backend.local.path = state;
  return config;
}

/** The variables of the host stack have the names of the data stack's outputs. */
function applyScript(host: object): string {
  const names = Object.keys((host as { variable?: object }).variable ?? {});
  return `#!/bin/sh
# Applies both folders: first data, then host, which needs ids from data.
# "./apply.sh plan" only shows what would change.
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
# Run this as root on the host: it installs the folder files/ beside it as a new release and starts Airflow from that.
# The host already has the images that compose.yaml names. If you change files/images, build the images first (README.md).
set -e
cd "$(dirname "$0")"
release=$(cd files && find * -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum | cut -c 1-16)
mkdir -p ${RELEASES}
[ -e ${RELEASES}/"$release" ] || { rm -rf ${RELEASES}/".new-$release" && cp -R files ${RELEASES}/".new-$release" && mv ${RELEASES}/".new-$release" ${RELEASES}/"$release"; }
ln -sfn releases/"$release" ${CURRENT}.new && mv -T ${CURRENT}.new ${CURRENT}
exec ${COMPOSE.text} up --detach --remove-orphans --wait
`;

const readme = (name: string): string => `# The deployment ${name}, without the tool that made it

You need Terraform (or OpenTofu) and ssh here, and Docker Compose on the host; you need neither Node nor cdktf.
This folder holds no secret.

- \`terraform/data\`, \`terraform/host\`: plain Terraform; the state stays where it was. \`terraform/apply.sh plan\` finds
  nothing to change; \`terraform/apply.sh\` applies your edits. If the state is local, you may move the \`*.tfstate\`
  files: then write the new path into \`backend.local.path\`. To destroy a protected resource, remove its
  \`prevent_destroy\` first.
- \`release/files\`: the files of \`${CURRENT}\` on the host: the Compose file and the sources of the images.
  \`release/install.sh\` installs them: \`tar c release | ssh HOST 'tar x && sudo release/install.sh'\`.
- If DAGs have a role in AWS (\`aws.taskRole\`), \`airflow-task-role.timer\` on the host renews its credentials as before.
- The secrets are in \`${SECRET_FILES}\` on the host, one in each file, and in \`secrets/${name}.age\` of the checkout:
  \`age -d -i IDENTITY secrets/${name}.age\`.
- Images are built on the host: \`files/images/base.sh\` makes the base image, \`docker-bake.hcl\` has the other two.
- The data is in \`/srv/airflow\`, on the volume of \`terraform/data\`. This dumps the database:
  \`docker exec airflow-postgres-1 pg_dump -U airflow -Fc airflow\`.
- \`/srv/airflow/dags/current\` is a link to a folder in \`dags/releases\`. To change DAGs, put a new folder there, and
  point the link to it with \`ln -sfn\`.
`;
