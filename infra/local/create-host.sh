#!/bin/sh
# Starts a container that behaves like a fresh EC2 instance: systemd, sshd, sudo, apt, a root disk of its own.
#   NAME INSTANCE DEPLOYMENT  the container, its id of this life, whose it is
#   PORT                      of its sshd, on 127.0.0.1
#   DATA_VOLUME ENGINE_VOLUME Docker volumes for /srv/airflow and /var/lib/docker
#   AUTHORIZED_KEYS           public keys, one a line
#   MIRROR                    Debian mirror
set -eu
cd "$(dirname "$0")"

# Terraform may have lost its state: the host of this very id is taken as it is, if its creation came to the end.
format='{{ index .Config.Labels "airflow.instance" }} {{ .State.StartedAt }}'
case $(docker container inspect --format "$format" "$NAME" 2>/dev/null || true) in
*" 0001-"*) ;;
"$INSTANCE "*) exec docker start "$NAME" >/dev/null ;;
esac

image=$(sh image.sh)
# A host can be made again: one of an earlier or half-finished life gives way, with its engine's disk.
INSTANCE='' sh destroy-host.sh
trap 'INSTANCE= sh destroy-host.sh >/dev/null 2>&1 || true' EXIT
trap 'exit 130' INT TERM
docker volume create --label "airflow.deployment=$DEPLOYMENT" --label "airflow.created=$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$ENGINE_VOLUME" >/dev/null

# Packets must fit the way out of this machine, or downloads hang.
device=$(ip -4 route show default 2>/dev/null | sed -n 's/.* dev \([^ ]*\).*/\1/p' | head -n 1)
mtu=$(cat "/sys/class/net/$device/mtu" 2>/dev/null || echo 1500)

# cgroup2 is mounted anew for systemd; every boot gets a boot id, as on a machine of its own.
boot='
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 none /sys/fs/cgroup
cat /proc/sys/kernel/random/uuid >/run/boot-id
mount --bind -o ro /run/boot-id /proc/sys/kernel/random/boot_id
[ "$(cat /sys/class/net/eth0/mtu)" -le "$MTU" ] || ip link set eth0 mtu "$MTU"
unset MTU
exec /sbin/init'

docker create --name "$NAME" --hostname "$DEPLOYMENT" \
  --label "airflow.deployment=$DEPLOYMENT" --label "airflow.instance=$INSTANCE" \
  --restart unless-stopped --stop-signal SIGRTMIN+3 --stop-timeout 60 \
  --cap-add ALL --cap-drop SYS_RESOURCE \
  --security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined \
  --cgroupns private --env container=docker --env "MTU=$mtu" \
  --tmpfs /run --tmpfs /run/lock --tmpfs /tmp:exec \
  --volume "$DATA_VOLUME:/srv/airflow" --volume "$ENGINE_VOLUME:/var/lib/docker" \
  --publish "127.0.0.1:$PORT:22" "$image" /bin/sh -c "$boot" >/dev/null

# The operators' keys are there before the first boot, as cloud-init would have it.
keys=$(mktemp -d "${TMPDIR:-/tmp}/airflow-keys.XXXXXX")
mkdir -m 700 "$keys/.ssh"
printf '%s\n' "$AUTHORIZED_KEYS" >"$keys/.ssh/authorized_keys"
tar -C "$keys" --owner=1000 --group=1000 -c .ssh | docker cp - "$NAME:/home/ubuntu"
rm -r "$keys"

docker start "$NAME" >/dev/null
trap - EXIT
