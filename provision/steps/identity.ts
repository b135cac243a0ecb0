import { UserError } from "../base/errors";
import { stable } from "../change/fact";
import type { Step } from "../change/planning";
import { sh } from "../base/shell";
import { DATA } from "../change/places";
import { Identity, Wanted } from "../release/wanted";
import { writeFile } from "./files";

type Found = Identity | "damaged" | undefined;

interface IdentityFacts {
  readonly identity: Found;
  readonly hasDatabase: boolean;
  readonly mayInitialize: boolean;
}

const FILE = `${DATA}/identity.json`;
const MARKER = `${DATA}/postgres/.initialize`;

/** Whose data is on the host; undefined if nothing says so. */
export const identityFact = stable(sh`cat ${FILE} 2>/dev/null`, ({ stdout }) => parseIdentity(stdout));

/** @throws UserError if what should say whose data this is cannot be read */
export function requireWhole(
  found: Found,
  hint = "run make plan, which says how it is mended",
): asserts found is Identity | undefined {
  if (found === "damaged") throw new UserError(`${FILE} on the host is damaged: it says whose data this is`, hint);
}

/** How an operator who is sure of it says that the data is this deployment's, as a command that can be pasted. */
function sayWhose(ours: Identity): string {
  const command = sh`echo ${JSON.stringify(ours)} | sudo tee ${FILE} > /dev/null`;
  return `nothing was changed; if you are sure that the data is that of "${ours.deployment}", say so on the host: make ssh CMD=${sh`${command.text}`.text}`;
}

/** Makes sure that the data on this host belongs to this deployment, and that our secrets fit it. */
export const identity: Step<Wanted, IdentityFacts> = {
  name: "identity",
  facts: () => ({
    identity: identityFact,
    hasDatabase: stable(sh`ls ${DATA}/postgres/*/PG_VERSION 2>/dev/null`, ({ stdout }) => stdout !== ""),
    mayInitialize: stable(sh`test -e ${MARKER}; echo $?`, ({ stdout }) => stdout.trim() === "0"),
  }),
  plan({ identity: ours, deployment }, { identity: theirs, hasDatabase, mayInitialize }) {
    requireWhole(theirs, sayWhose(ours));
    if (theirs) {
      if (theirs.deployment !== ours.deployment) {
        throw new UserError(
          `the data on this host belongs to the deployment "${theirs.deployment}", not "${ours.deployment}"`,
          "is it the right host? nothing was changed",
        );
      }
      if (theirs.fernetKey !== ours.fernetKey || theirs.databasePassword !== ours.databasePassword) {
        throw new UserError(
          `the secrets in ${deployment.paths.secrets} are not those of the database on this host`,
          `pull ${deployment.paths.secrets} from whoever provisioned it; nothing was changed`,
        );
      }
      if (hasDatabase || mayInitialize) return [];
      throw new UserError(
        "the database of this deployment is gone from the host's data volume",
        "is the right volume mounted? restore a backup, or delete /srv/airflow/identity.json to begin anew; nothing was changed",
      );
    }
    if (hasDatabase) {
      throw new UserError(
        "the host has a database, but nothing says whose it is (/srv/airflow/identity.json is missing)",
        sayWhose(ours),
      );
    }
    return [
      {
        summary: "make a place for a new database",
        command: sh`install -d -o 999 -g 999 -m 0700 ${DATA}/postgres && touch ${MARKER}`,
        detail: "the data volume holds no database",
      },
      writeFile(FILE, `${JSON.stringify(ours)}\n`, { mode: "0644" }),
    ];
  },
};

function parseIdentity(text: string): Found {
  if (text === "") return undefined;
  try {
    return JSON.parse(text) as Identity;
  } catch {
    return "damaged";
  }
}
