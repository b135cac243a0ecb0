import { createHash } from "node:crypto";
import { live } from "../change/fact";
import type { Step } from "../change/planning";
import { lines, sh } from "../base/shell";
import { DatabaseLogin, RELEASES, Wanted } from "../release/wanted";
import { compose } from "./compose";
import { hasOldLogin, hba, ident, readAccess, writeHba, writeIdent } from "./database-access";
import { ADMINISTER, OWNER, POSTGRES, administer } from "./psql";

interface DatabaseFacts {
  readonly hba: string | undefined;
  readonly ident: string | undefined;
  /** What ROLES and PENDING print; undefined if Postgres does not answer. */
  readonly roles: readonly string[] | undefined;
}

/** For each role: may only log in; has exactly our settings; may become the owner, but only on request; sha256 of its verifier. */
const ROLES = `select rolname,
  rolcanlogin and not (rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls),
  coalesce((select string_agg(setdatabase || ':' || array_to_string(setconfig, ','), ';') from pg_db_role_setting where setrole = role.oid), '')
    = case rolname when '${OWNER}' then '' else '0:role=${OWNER}' end,
  rolname = '${OWNER}' or exists (select from pg_auth_members join pg_roles owner on owner.oid = roleid
    where owner.rolname = '${OWNER}' and member = role.oid and set_option and not inherit_option and not admin_option),
  coalesce(encode(sha256(convert_to(rolpassword, 'UTF8')), 'hex'), '')
from pg_authid role where rolname like '${OWNER}%'`;
const PENDING = `select 'pending' from pg_stat_file('pg_hba.conf') hba, pg_stat_file('pg_ident.conf') ident
where greatest(hba.modification, ident.modification) > pg_conf_load_time()`;

/**
 * Makes the roles of the database and says who may connect to it: a dump has neither. Services log in as members of the role
 * that owns Airflow's database, and become that role. On a host where they still log in as the owner itself, they may go on
 * until all of them were recreated; the step `retire` ends it.
 */
export const database: Step<Wanted, DatabaseFacts> = {
  name: "database",
  facts: () => ({
    hba,
    ident,
    roles: live(sh`${administer(`${ROLES}; ${PENDING}`)} 2>/dev/null`, ({ code, stdout }) =>
      code === 0 ? stdout.split("\n") : undefined,
    ),
  }),
  plan({ release, databaseLogins }, { hba, ident, roles }) {
    const keepsOldLogin = hasOldLogin(hba);
    const files = [...writeIdent(ident), ...writeHba(databaseLogins, hba, keepsOldLogin)];
    // The files are written after the roles were made. So if they are there, Postgres only needs to be started.
    if (!roles && files.length === 0) return [];
    const wrong = [{ role: OWNER, verifier: undefined }, ...databaseLogins].filter((login) => {
      const isAnyPassword = login.role === OWNER && keepsOldLogin;
      return !roles?.some((line) => (isAnyPassword ? line.startsWith(describe(login)) : line === describe(login)));
    });
    const actions = [...files];
    if (files.length > 0 || roles?.includes("pending")) actions.push(readAccess);
    if (wrong.length === 0) return actions;
    const names = wrong.map(({ role }) => role).join(", ");
    return [
      {
        summary: `set the ${wrong.length === 1 ? "role" : "roles"} ${names} of the database`,
        command: lines(
          sh`docker exec ${POSTGRES} pg_isready --quiet --host=127.0.0.1 2>/dev/null || ${compose(`${RELEASES}/${release.digest}/compose.yaml`)} up --detach --wait --wait-timeout 120 postgres`,
          ADMINISTER,
        ),
        stdin: ["set log_min_error_statement = panic;", ...wrong.map((login) => sqlFor(login, keepsOldLogin))].join(
          "\n",
        ),
        detail: roles
          ? "missing, or different from what is wanted (passwords are not shown)"
          : "Postgres does not answer",
      },
      ...actions,
    ];
  },
};

/** The line that ROLES prints for a role as it is wanted. */
const describe = ({ role, verifier }: DatabaseLogin): string =>
  `${role}|t|t|t|${verifier === undefined ? "" : createHash("sha256").update(verifier).digest("hex")}`;

function sqlFor({ role, verifier }: DatabaseLogin, keepsOldLogin: boolean): string {
  const password =
    role === OWNER && keepsOldLogin ? "" : ` password ${verifier === undefined ? "null" : `'${verifier}'`}`;
  return `select 'create role ${role}' where not exists (select from pg_roles where rolname = '${role}') \\gexec
alter role ${role} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls${password};
alter role ${role} reset all;
alter role ${role} in database airflow reset all;
${role === OWNER ? "" : `grant ${OWNER} to ${role} with admin false, inherit false, set true;\nalter role ${role} set role to ${OWNER};`}`;
}
