import { Fact, stable } from "../change/fact";
import { temporary } from "../change/places";
import { Command, sh } from "../base/shell";

/** sshd takes the first value of a setting: this file comes before others of its folder. */
export const SSHD_CONFIG = "/etc/ssh/sshd_config.d/00-airflow-deployment.conf";
/**
 * Options in a unit's command line come before all files: EC2's image for Ubuntu asks EC2 Instance Connect for keys there,
 * so whoever IAM lets could log in.
 */
export const SSHD_UNIT = "/etc/systemd/system/ssh.service.d/zz-airflow-deployment.conf";
export const SSHD_UNIT_TEXT = `# Written by airflow-deployment: what sshd does stands in its files.
[Service]
ExecStart=
ExecStart=/usr/sbin/sshd -D
`;

/** ssh-audit's hardening guides for Debian 13 and Ubuntu 24.04; curve25519-sha256 for ssh2, which knows none against quantum computers. */
const ALGORITHMS = {
  KexAlgorithms: [
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "curve25519-sha256",
  ],
  Ciphers: [
    "chacha20-poly1305@openssh.com",
    "aes256-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-gcm@openssh.com",
    "aes128-ctr",
  ],
  MACs: ["hmac-sha2-512-etm@openssh.com", "hmac-sha2-256-etm@openssh.com", "umac-128-etm@openssh.com"],
};

/** What this host's OpenSSH knows. */
export const algorithms: Fact<ReadonlySet<string>> = stable(
  sh`for kind in kex cipher mac; do ssh -Q "$kind"; done`,
  ({ stdout }) => new Set(stdout.split("\n").filter(Boolean)),
);

type Settings = Readonly<Record<string, string>>;

export const sshdSettings = (user: string, known: ReadonlySet<string>): Settings => ({
  AllowUsers: user,
  PermitRootLogin: user === "root" ? "prohibit-password" : "no",
  AuthenticationMethods: "publickey",
  PubkeyAuthentication: "yes",
  PasswordAuthentication: "no",
  KbdInteractiveAuthentication: "no",
  HostbasedAuthentication: "no",
  AuthorizedKeysFile: ".ssh/authorized_keys",
  AuthorizedKeysCommand: "none",
  AuthorizedPrincipalsCommand: "none",
  TrustedUserCAKeys: "none",
  PermitUserEnvironment: "no",
  StrictModes: "yes",
  MaxAuthTries: "4",
  AllowAgentForwarding: "no",
  // make ui and others reach Airflow this way.
  AllowTcpForwarding: "local",
  AllowStreamLocalForwarding: "no",
  PermitTunnel: "no",
  X11Forwarding: "no",
  HostKey: "/etc/ssh/ssh_host_ed25519_key",
  HostKeyAlgorithms: "ssh-ed25519",
  ...Object.fromEntries(
    Object.entries(ALGORITHMS).map(([name, wanted]) => [name, wanted.filter((each) => known.has(each)).join(",")]),
  ),
});

export const sshdText = (settings: Settings): string =>
  "# Written by airflow-deployment: exactly the operators log in, with their keys only.\n" +
  Object.entries(settings)
    .map(([name, value]) => `${name} ${value}\n`)
    .join("");

/** Settings that sshd reports in words of its own, or more than once. */
const UNCHECKED = ["HostKey", "PermitRootLogin"];
const checked = (settings: Settings): string[] =>
  Object.entries(settings)
    .filter(([name]) => !UNCHECKED.includes(name))
    .map(([name, value]) => `${name.toLowerCase()} ${value}`)
    .sort();

/** What sshd makes of all its files for a login of `user`, a line each, sorted. */
const effectiveCommand = (user: string): Command => {
  const names = Object.keys(sshdSettings(user, new Set())).filter((name) => !UNCHECKED.includes(name));
  return sh`sshd -T -C ${`user=${user},host=localhost,addr=127.0.0.1`} 2> /dev/null | grep -E ${`^(${names.join("|").toLowerCase()}) `} | LC_ALL=C sort`;
};
export const effective = (user: string): Fact<readonly string[]> =>
  stable(effectiveCommand(user), ({ stdout }) => stdout.split("\n").filter(Boolean).sort());

export const isInForce = (settings: Settings, found: readonly string[]): boolean =>
  checked(settings).join("\n") === found.join("\n");

/** What the new files are, in the order of `letIn`'s standard input. */
export const letInInput = (...texts: readonly string[]): string =>
  texts.map((text) => `${Buffer.from(text).toString("base64")}\n`).join("");

/**
 * Puts the files of `letInInput` (authorized_keys, sshd's settings, its unit's) in place, with a key for this moment among
 * the operators'. Proves with that key that the user gets in, first through an sshd that reads the new files and has no
 * port, then through the one that was started anew. If not, everything is as it was before, and the action fails.
 */
export const letIn = (user: string, authorizedKeys: string, settings: Settings): Command => sh`umask 077
work=${temporary("sshd")} user=${user} keys=${authorizedKeys} config=${SSHD_CONFIG} unit=${SSHD_UNIT}
mkdir -p "$work/old" "$(dirname "$keys")" "$(dirname "$config")" "$(dirname "$unit")"
for name in keys config unit; do read -r text; echo "$text" | base64 -d > "$work/$name"; done
for key in keys config unit; do eval "file=\\$$key"; [ ! -e "$file" ] || cp -p "$file" "$work/old/$key"; done
put() { cp "$work/$1" "$2.new"; chown "$3" "$2.new"; chmod "$4" "$2.new"; mv "$2.new" "$2"; }
restart() { systemctl daemon-reload; systemctl restart ssh.service; }
go_back() {
  for key in keys config unit; do
    eval "file=\\$$key"
    if [ -e "$work/old/$key" ]; then cp -p "$work/old/$key" "$file"; else rm -f "$file"; fi
  done
  [ -z "$restarted" ] || restart
  echo "nobody's login has changed: the old settings of sshd are back"
}
fail() { echo "$1"; exit 1; }
log_in() {
  said=$(ssh -F /dev/null -n -T -i "$work/proof" -o IdentitiesOnly=yes -o IdentityAgent=none -o BatchMode=yes -o ConnectTimeout=10 \\
    -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o HostKeyAlgorithms=ssh-ed25519 \\
    -o KexAlgorithms=curve25519-sha256 -o "$1" -p "$2" "$user@$3" 2>&1) || true
  [ "$said" = proven ] || fail "the new settings of sshd do not let $user in$4: $said"
}
restarted=
trap '[ $? = 0 ] || go_back' EXIT
trap 'exit 143' HUP INT TERM

[ "$(ssh-keygen -l -f "$work/keys" | wc -l)" = "$(grep -c . "$work/keys")" ] || fail "not every key of the operators is one to this host's sshd"
ssh-keygen -q -t ed25519 -N '' -C airflow-deployment-proof -f "$work/proof"
cp "$work/keys" "$work/keys-only"
echo "restrict,command=\\"echo proven\\" $(cat "$work/proof.pub")" >> "$work/keys"
chown "$user:" "$(dirname "$keys")"
put keys "$keys" "$user:" 0600
put config "$config" root:root 0644
put unit "$unit" root:root 0644

error=$(sshd -t 2>&1) || fail "sshd refuses its new settings: $error"
found=$(${effectiveCommand(user)})
wanted=${checked(settings).join("\n")}
[ "$found" = "$wanted" ] || fail "other files of /etc/ssh set what $config sets:
$(echo "$found" | grep -vxF "$wanted")"
log_in 'ProxyCommand=/usr/sbin/sshd -i' 22 localhost ''
restarted=yes
restart
listen=$(sshd -T | sed -n 's/^listenaddress //p' | head -n 1)
address=$(echo "\${listen%:*}" | tr -d '[]')
case $address in 0.0.0.0|::) address=127.0.0.1 ;; esac
log_in ProxyCommand=none "\${listen##*:}" "$address" ' once it runs'
mv "$work/keys-only" "$work/keys"
put keys "$keys" "$user:" 0600`;
