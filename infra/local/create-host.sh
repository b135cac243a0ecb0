#!/bin/sh
# Starts a container that behaves like a fresh EC2 instance: systemd, sshd, sudo, apt, a root disk of its own.
#   NAME INSTANCE DEPLOYMENT  name of the container, id of the host (a new one for each new host), name of the deployment
#   PORT                      port of its sshd, on 127.0.0.1
#   DATA_VOLUME ENGINE_VOLUME Docker volumes for /srv/airflow and /var/lib/docker
#   AUTHORIZED_KEYS           public keys, one a line
#   MIRROR                    Debian mirror
set -eu
cd "$(dirname "$0")"

# Terraform may have lost its state: a host with this id is kept. One that was never started is only half made.
format='{{ index .Config.Labels "airflow.instance" }} {{ .State.StartedAt }}'
case $(docker container inspect --format "$format" "$NAME" 2>/dev/null || true) in
*" 0001-"*) ;;
"$INSTANCE "*) exec docker start "$NAME" >/dev/null ;;
esac

image=$(sh image.sh)
# An earlier or half-made host is removed together with its engine's disk: both can be made again.
INSTANCE='' sh destroy-host.sh
trap 'INSTANCE= sh destroy-host.sh >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM
docker volume create --label "airflow.deployment=$DEPLOYMENT" --label "airflow.created=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$ENGINE_VOLUME" >/dev/null

# Downloads hang if the MTU is larger than that of this machine's default route.
device=$(ip -4 route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
mtu=$(cat "/sys/class/net/$device/mtu" 2>/dev/null || echo 1500)

# systemd needs a cgroup2 mount of its own. Every boot gets a new boot id, as on a real machine.
boot='
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
cat /proc/sys/kernel/random/uuid >/run/boot-id
mount --bind -o ro /run/boot-id /proc/sys/kernel/random/boot_id
[ "$(cat /sys/class/net/eth0/mtu)" -le "$MTU" ] || ip link set eth0 mtu "$MTU"
unset MTU
exec /sbin/init'

# What containers have anyway; then what systemd, sshd's sessions, a reboot and an engine inside need. Without modules, raw
# input and output, the clock, the kernel's log, other modules of security. Root in there is still near this machine's root.
capabilities='CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP SETFCAP NET_BIND_SERVICE NET_RAW SYS_CHROOT MKNOD
  AUDIT_WRITE AUDIT_CONTROL SYS_BOOT SYS_PTRACE NET_ADMIN SYS_ADMIN'

docker create --name "$NAME" --hostname "$DEPLOYMENT" \
  --label "airflow.deployment=$DEPLOYMENT" --label "airflow.instance=$INSTANCE" \
  --restart unless-stopped --stop-signal SIGRTMIN+3 --stop-timeout 60 \
  --cap-drop ALL $(for name in $capabilities; do echo "--cap-add $name"; done) \
  --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
  --cgroupns private --env container=docker --env "MTU=$mtu" \
  --tmpfs /run --tmpfs /run/lock --tmpfs /tmp:exec \
  --volume "$DATA_VOLUME:/srv/airflow" --volume "$ENGINE_VOLUME:/var/lib/docker" \
  --publish "127.0.0.1:$PORT:22" "$image" /bin/sh -c "$boot" >/dev/null

# The operators' keys are in place before sshd starts, as with cloud-init on EC2.
keys=$(mktemp -d "${TMPDIR:-/tmp}/airflow-keys.XXXXXX")
mkdir -m 700 "$keys/.ssh"
printf '%s\n' "$AUTHORIZED_KEYS" >"$keys/.ssh/authorized_keys"
tar -C "$keys" --owner=1000 --group=1000 -c .ssh | docker cp - "$NAME:/home/ubuntu"
rm -r "$keys"

docker start "$NAME" >/dev/null
trap - EXIT
