import { createHash } from "node:crypto";
import { Fact, stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { SECRETS_GROUP, SECRET_FILES, Wanted } from "../release/wanted";

/** Owner of the secrets' files. The group is none of the host's: containers that mount secrets have it. */
export const READABLE_BY = `0:${SECRETS_GROUP}`;
const READABLE = `${READABLE_BY} 440`;
/** How the files were readable when containers read them by their group 0. The step `retire` changes that. */
export const OLD_READABLE = "0:0 440";

/** sha256, owner and mode by name. */
export const foundSecrets: Fact<ReadonlyMap<string, string>> = stable(
  sh`cd ${SECRET_FILES} 2>/dev/null || exit 0
for file in *; do
  [ -f "$file" ] && echo "$file $(sha256sum < "$file" | cut -c 1-64) $(stat -c '%u:%g %a' "$file")"
done`,
  ({ stdout }) => new Map([...stdout.matchAll(/^(\S+) (.+)$/gm)].map(([, name, is]) => [name!, is!])),
);

/** Writes each secret into a file that one group may read, on the root disk: snapshots of the data volume must not hold secrets. */
export const secrets: Step<Wanted, { found: ReadonlyMap<string, string> }> = {
  name: "secrets",
  facts: () => ({ found: foundSecrets }),
  plan: ({ secretFiles }, { found }) =>
    [...secretFiles].flatMap(([name, value]) => {
      const is = found.get(name);
      const isOld = is?.endsWith(` ${OLD_READABLE}`) ?? false;
      if (is === `${sha256(value)} ${isOld ? OLD_READABLE : READABLE}`) return [];
      return [write(name, value, isOld ? "0:0" : READABLE_BY, is !== undefined)];
    }),
};

/** An existing file keeps its inode, because containers that mount it would not see a new one. The copy beside it comes first, to prove that there is room. */
const write = (name: string, value: string, owner: string, exists: boolean): Action => ({
  summary: `write the secret ${name}`,
  command: sh`umask 077
cat > ${`${SECRET_FILES}/.${name}`}
chown ${owner} ${`${SECRET_FILES}/.${name}`}
chmod 0440 ${`${SECRET_FILES}/.${name}`}
if [ -e ${`${SECRET_FILES}/${name}`} ]; then
  cat ${`${SECRET_FILES}/.${name}`} > ${`${SECRET_FILES}/${name}`}
  chown ${owner} ${`${SECRET_FILES}/${name}`}
  chmod 0440 ${`${SECRET_FILES}/${name}`}
  rm ${`${SECRET_FILES}/.${name}`}
else
  mv ${`${SECRET_FILES}/.${name}`} ${`${SECRET_FILES}/${name}`}
fi`,
  stdin: value,
  detail: exists ? "it differs (values are not shown)" : "it is missing",
});

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
