import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { SECRET_FILES, Wanted } from "../release/wanted";
import { hasOldLogin, hba, readAccess, writeHba } from "./database-access";
import { OWNER, administer } from "./psql";
import { OLD_READABLE, READABLE_BY, foundSecrets } from "./secrets";

interface RetireFacts {
  /** sha256, owner and mode by name. */
  readonly found: ReadonlyMap<string, string>;
  readonly hba: string | undefined;
}

/** Takes away what services of the release before needed. They may be started again until all of them were recreated. */
export const retire: Step<Wanted, RetireFacts> = {
  name: "retire",
  facts: () => ({ found: foundSecrets, hba }),
  plan({ secretFiles, databaseLogins }, { found, hba }) {
    const old = [...found].filter(([name, is]) => secretFiles.has(name) && is.endsWith(` ${OLD_READABLE}`));
    const extra = [...found.keys()].filter((name) => !secretFiles.has(name));
    const actions: Action[] = [];
    if (old.length > 0) {
      actions.push({
        summary: "set the group that may read the secrets",
        command: sh`chown ${READABLE_BY} ${old.map(([name]) => `${SECRET_FILES}/${name}`)}`,
        detail: old.map(([name]) => name).join("\n"),
      });
    }
    for (const name of extra)
      actions.push({ summary: `remove the secret ${name}`, command: sh`rm ${`${SECRET_FILES}/${name}`}` });
    if (hasOldLogin(hba)) {
      actions.push({
        summary: `remove the password of the role ${OWNER}`,
        command: administer(`alter role ${OWNER} password null`),
        detail: "services log in as roles of their own",
      });
      actions.push(...writeHba(databaseLogins, hba, false), readAccess);
    }
    return actions;
  },
};
