import { UserError } from "../base/errors";
import { stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import type { Wanted } from "../release/wanted";
import { diffOf, fileText } from "./files";
import {
  SSHD_CONFIG,
  SSHD_UNIT,
  SSHD_UNIT_TEXT,
  algorithms,
  effective,
  isInForce,
  letIn,
  letInInput,
  sshdSettings,
  sshdText,
} from "./sshd";

interface AccessFacts {
  readonly authorizedKeys: string | undefined;
  readonly config: string | undefined;
  readonly unit: string | undefined;
  readonly algorithms: ReadonlySet<string>;
  readonly effective: readonly string[];
  /** Files with keys of other users: `root /root/.ssh/authorized_keys`. */
  readonly others: readonly string[];
}

/** Lets exactly the operators log in. */
export const access: Step<Wanted, AccessFacts> = {
  name: "access",
  facts: ({ user }) => ({
    authorizedKeys: fileText(pathOf(user)),
    config: fileText(SSHD_CONFIG),
    unit: fileText(SSHD_UNIT),
    algorithms,
    effective: effective(user),
    others: stable(
      sh`getent passwd | while IFS=: read -r name _ _ _ _ home _; do
  for file in "$home"/.ssh/authorized_keys "$home"/.ssh/authorized_keys2; do
    [ "$file" = ${pathOf(user)} ] || [ ! -s "$file" ] || echo "$name $file"
  done
done`,
      ({ stdout }) => stdout.split("\n").filter(Boolean),
    ),
  }),
  plan({ user, authorizedKeys, loginKey }, facts) {
    refuseLockOut(authorizedKeys, loginKey);
    const keys = authorizedKeys.map((key) => `${key}\n`).join("");
    const settings = sshdSettings(user, facts.algorithms);
    const files: [path: string, wanted: string, found: string | undefined][] = [
      [pathOf(user), keys, facts.authorizedKeys],
      [SSHD_CONFIG, sshdText(settings), facts.config],
      [SSHD_UNIT, SSHD_UNIT_TEXT, facts.unit],
    ];
    const differing = files.filter(([, wanted, found]) => wanted !== found);
    const actions: Action[] = [];
    if (differing.length > 0 || !isInForce(settings, facts.effective)) {
      const details = differing.map(([path, wanted, found]) => `${path}: ${diffOf(path, found, wanted)}`);
      actions.push({
        summary: "let only the operators log in",
        command: letIn(user, pathOf(user), settings),
        stdin: letInInput(...files.map(([, wanted]) => wanted)),
        detail: details.join("\n") || "another file of sshd sets what is set here",
      });
    }
    if (facts.others.length > 0) actions.push(removeKeysOf(user, facts.others));
    return actions;
  },
};

/** @throws UserError where whoever logged in could not do so again */
function refuseLockOut(authorizedKeys: readonly string[], loginKey: string | undefined): void {
  if (authorizedKeys.length === 0)
    throw new UserError("no operator's public key is known: nobody could log in", "run make keypair");
  if (loginKey === undefined || authorizedKeys.some((key) => key.split(" ")[1] === loginKey)) return;
  throw new UserError(
    `the key that you logged in with is not among those that may log in: you would lock yourself out\n  …${loginKey.slice(-16)}`,
    "add its public half to `operators`, or name the key of this deployment with AIRFLOW_SSH_KEY; nothing was changed",
  );
}

const removeKeysOf = (user: string, others: readonly string[]): Action => ({
  summary: `remove the SSH keys of ${[...new Set(others.map((line) => line.split(" ")[0]!))].join(", ")}`,
  command: sh`rm ${others.map((line) => line.slice(line.indexOf(" ") + 1))}`,
  detail: `only ${user} may log in; found: ${others.join(", ")}`,
});

const pathOf = (user: string): string => (user === "root" ? "/root" : `/home/${user}`) + "/.ssh/authorized_keys";
