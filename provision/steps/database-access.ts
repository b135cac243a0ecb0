import { stable } from "../change/fact";
import type { Action } from "../change/planning";
import { UserError } from "../base/errors";
import type { DatabaseLogin } from "../release/wanted";
import { fileText, writeFile } from "./files";
import { CLUSTER, OWNER, administer } from "./psql";

/** Who may connect to the database from where. Kept in Postgres' own folder, where it reads the files again while it runs. */
const HBA_FILE = `${CLUSTER}/pg_hba.conf`;
/** Which user of the operating system may be which role. */
const IDENT_FILE = `${CLUSTER}/pg_ident.conf`;
const MAP = "provisioning";

/** How services logged in before each password had a role of its own. */
const OLD_LOGIN = `host  airflow  ${OWNER}  all  scram-sha-256`;

const IDENT = `# Written by airflow-deployment: provisioning runs psql in Postgres' container as the user postgres.
# map  user  role
${MAP}  postgres  ${OWNER}
`;

const hbaText = (logins: readonly DatabaseLogin[], hasOldLogin: boolean): string => `# Written by airflow-deployment.
# type  database  role  address  method
# Provisioning, in Postgres' container. The superuser never connects to the database that authors of DAGs can write to.
local  postgres  postgres  peer
local  all  ${OWNER}  peer map=${MAP}
# Airflow's services.
host  airflow  ${logins.map(({ role }) => role).join(",")}  all  scram-sha-256
${hasOldLogin ? `${OLD_LOGIN}\n` : ""}`;

export const hba = fileText(HBA_FILE);
export const ident = fileText(IDENT_FILE);

/** Whether services may still log in as the owner itself, as they did in older deployments. */
export const hasOldLogin = (found: string | undefined): boolean =>
  found?.split("\n").some((line) => line.split(/\s+/).join(" ") === OLD_LOGIN.split(/\s+/).join(" ")) ?? false;

const write = (path: string, text: string, found: string | undefined): Action[] =>
  text === found ? [] : [writeFile(path, text, { mode: "0600", owner: "999:999", found })];

/** Writes the file if it differs. */
export const writeIdent = (found: string | undefined): Action[] => write(IDENT_FILE, IDENT, found);

/** The same. @param keepsOldLogin for services that have not been recreated yet */
export const writeHba = (
  logins: readonly DatabaseLogin[],
  found: string | undefined,
  keepsOldLogin: boolean,
): Action[] => write(HBA_FILE, hbaText(logins, keepsOldLogin), found);

export const readAccess: Action = {
  summary: "let Postgres read again who may connect",
  command: administer("select pg_reload_conf()"),
};

/** Whether the owner of Airflow's database may connect without a password, as provisioning does. */
export const isOpen = stable(ident.command, ({ stdout }) => stdout === IDENT);

/** @throws UserError on a host that was provisioned by a version which asked the database as its superuser */
export function requireOpen(isOpen: boolean): void {
  if (!isOpen)
    throw new UserError(
      "this host's database does not know yet how this version of the tool connects to it",
      "run make provision",
    );
}
