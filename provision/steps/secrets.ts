import { createHash } from "node:crypto";
import { stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { sh } from "../base/shell";
import { SECRET_FILES, Wanted } from "../release/wanted";

/** sha256, owner and mode by name. */
type Found = ReadonlyMap<string, string>;

const READABLE = "0:0 440";

/** Writes each secret into a file that gid 0 may read, on the root disk: snapshots of the data volume must not hold secrets. */
export const secrets: Step<Wanted, { found: Found }> = {
  name: "secrets",
  facts: () => ({
    found: stable(
      sh`cd ${SECRET_FILES} 2>/dev/null || exit 0
for file in *; do
  [ -f "$file" ] && echo "$file $(sha256sum < "$file" | cut -c 1-64) $(stat -c '%u:%g %a' "$file")"
done`,
      ({ stdout }) => new Map([...stdout.matchAll(/^(\S+) (.+)$/gm)].map(([, name, is]) => [name!, is!])),
    ),
  }),
  plan({ secretFiles }, { found }) {
    const stale = [...secretFiles].filter(([name, value]) => found.get(name) !== `${sha256(value)} ${READABLE}`);
    const extra = [...found.keys()].filter((name) => !secretFiles.has(name));
    return [
      ...stale.map(([name, value]) => write(name, value, found.has(name))),
      ...extra.map((name): Action => ({
        summary: `remove the secret ${name}`,
        command: sh`rm ${`${SECRET_FILES}/${name}`}`,
      })),
    ];
  },
};

/** An existing file keeps its inode, because containers that mount it would not see a new one. The copy beside it comes first, to prove that there is room. */
const write = (name: string, value: string, exists: boolean): Action => ({
  summary: `write the secret ${name}`,
  command: sh`umask 077
cat > ${`${SECRET_FILES}/.${name}`}
chown root:0 ${`${SECRET_FILES}/.${name}`}
chmod 0440 ${`${SECRET_FILES}/.${name}`}
if [ -e ${`${SECRET_FILES}/${name}`} ]; then
  cat ${`${SECRET_FILES}/.${name}`} > ${`${SECRET_FILES}/${name}`}
  chown root:0 ${`${SECRET_FILES}/${name}`}
  chmod 0440 ${`${SECRET_FILES}/${name}`}
  rm ${`${SECRET_FILES}/.${name}`}
else
  mv ${`${SECRET_FILES}/.${name}`} ${`${SECRET_FILES}/${name}`}
fi`,
  stdin: value,
  detail: exists ? "it differs (values are not shown)" : "it is missing",
});

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
