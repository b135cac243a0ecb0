import { incoming } from "../change/places";
import { stable } from "../change/fact";
import type { Step } from "../change/planning";
import { sh } from "../base/shell";
import { CURRENT, RELEASES, Wanted } from "../release/wanted";
import { diffOf } from "./files";

interface ReleaseFacts {
  /** sha256 by path of the files in the wanted release's directory. */
  readonly found: ReadonlyMap<string, string>;
  /** Texts of the running release's files, by path; for large files `sha256:…`. */
  readonly running: ReadonlyMap<string, string>;
}

/** Puts the whole release into a folder of its own on the host. The running release is not touched. */
export const release: Step<Wanted, ReleaseFacts> = {
  name: "release",
  facts: ({ release }) => ({
    found: stable(
      sh`cd ${RELEASES}/${release.digest} 2>/dev/null && find . -type f -exec sha256sum {} +`,
      ({ stdout }) =>
        new Map([...stdout.matchAll(/^(\w{64}) {2}\.\/(.+)$/gm)].map(([, sha256, path]) => [path!, sha256!])),
    ),
    running: stable(
      sh`cd ${CURRENT}/ 2>/dev/null || exit 0
find . -type f -size -64k | sort | while read -r file; do echo "$file $(base64 -w 0 < "$file")"; done
find . -type f -size +63k -exec sha256sum {} +`,
      ({ stdout }) =>
        new Map([
          ...[...stdout.matchAll(/^\.\/(\S+) (\S*)$/gm)].map(
            ([, path, text]) => [path!, Buffer.from(text!, "base64").toString()] as const,
          ),
          ...[...stdout.matchAll(/^(\w{64}) {2}\.\/(.+)$/gm)].map(
            ([, sha256, path]) => [path!, `sha256:${sha256}`] as const,
          ),
        ]),
    ),
  }),
  plan({ release }, { found, running }) {
    const stale = release.files.filter(({ path, sha256 }) => found.get(path) !== sha256);
    const extra = [...found.keys()].filter((path) => !release.files.some((file) => file.path === path));
    if (stale.length + extra.length === 0) return [];
    const target = `${RELEASES}/${release.digest}`;
    return [
      {
        summary: `unpack release ${release.digest}`,
        // A directory cannot be renamed over another one, so a damaged one is moved away first.
        command: sh`if [ -e ${target} ]; then mv ${target} ${target}.damaged-"$CHANGE"; fi
mv ${incoming("release")} ${target}
rm -rf ${target}.damaged-*`,
        upload: { name: "release", files: release.files },
        detail: [
          ...release.files.flatMap(({ path, content, sha256 }) => {
            const before = running.get(path);
            const after = content.toString();
            if (running.size === 0 || before === after || before === `sha256:${sha256}`) return [];
            return [before?.startsWith("sha256:") ? `${path}: differs` : `${path}:\n${diffOf(path, before, after)}`];
          }),
          ...extra.map((path) => `${path}: does not belong here`),
        ].join("\n"),
      },
    ];
  },
};
