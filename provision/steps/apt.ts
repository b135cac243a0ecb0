import { Fact, stable } from "../change/fact";
import type { Action } from "../change/planning";
import { Command, sh } from "../base/shell";

/** Seconds that an action waits for another package manager: unattended-upgrades works for minutes on a fresh machine. */
const PATIENCE = 600;

/** Succeeds while somebody else's apt or dpkg is at work. /proc/locks names files as device:inode; psmisc may be missing. */
const isAtWork: Command = sh`grep -qE ":($(stat -c %i /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock 2> /dev/null | paste -sd '|')) " /proc/locks`;

/**
 * The packages of `names` that are installed. While a package manager works, one that is just being upgraded counts as
 * installed.
 */
export const installedOf = (names: readonly string[]): Fact<Set<string>> =>
  stable(
    sh`found=$(dpkg-query -W -f '\${Package} \${db:Status-Abbrev}\n' ${names})
if ${isAtWork}; then echo "$found" | sed 's/ i[A-Z] *$/ ii /'; else echo "$found"; fi`,
    ({ stdout }) => new Set([...stdout.matchAll(/^(\S+) ii/gm)].map(([, name]) => name!)),
  );

/** Was dpkg interrupted? What a package manager has half done while it works is no interruption. */
export const isDpkgBroken: Fact<boolean> = stable(
  // The second look is for one that ended between the first and the look at the lock.
  sh`[ -z "$(dpkg --audit)" ] || ${isAtWork} || dpkg --audit`,
  ({ stdout }) => stdout !== "",
);

export const finishInterrupted: Action = {
  summary: "make dpkg finish what was interrupted",
  command: sh`${retryWhileLocked(sh`dpkg --configure -a`)}`,
};

/** Installs packages, then runs `after`. apt-get's `update` has no lock timeout of its own. */
export const install = (packages: readonly string[], after: Command): Action => ({
  summary: `install ${packages.join(" ")}`,
  command: sh`${retryWhileLocked(sh`apt-get update -q`)}
apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=${PATIENCE} -o Dpkg::Use-Pty=0 ${packages}
${after}`,
});

function retryWhileLocked(command: Command): Command {
  return sh`deadline=$(($(date +%s) + ${PATIENCE}))
until out=$(${command} 2>&1); do
  case $out in *"Could not get lock"*|*"Unable to lock"*|*"lock was locked by"*) ;; *) echo "$out"; exit 100 ;; esac
  [ "$(date +%s)" -lt "$deadline" ] || { echo "$out"; exit 100; }
  sleep 2
done`;
}
