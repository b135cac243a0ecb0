# Unpacks an upload, checks that it is complete, and starts it as a systemd unit. Arguments: id, digest of the manifest,
# description and, if the change has uploads, their directory.
# Exit codes: 0 started (prints the main PID) · 75 another change runs (prints its description) · 1 anything else.
id=$1 digest=$2 description=$3
shift 3
run=$RUNS/$id outcome=$OUTCOMES/$id
umask 077
discard() {
  rm -rf "$run" "$outcome"
  for directory; do rm -rf "$directory"; done
}
refuse() {
  reason=$1
  shift
  discard "$@"
  tell_busy && exit 75
  echo "$reason" >&2
  exit 1
}
# A connection that drops must not leave a half-unpacked upload behind.
trap 'discard "$@"; exit 1' HUP INT TERM
for directory; do
  case $directory in
  "$DATA"/*) mountpoint -q "$DATA" || refuse "the data volume is not mounted at $DATA" "$@" ;;
  esac
done
mkdir -p "$run" "$outcome" || refuse "cannot write to /run" "$@"
if ! error=$(tar -x -p --numeric-owner --no-overwrite-dir -C / -f - 2>&1); then
  case $error in
  *"No space left"* | *"Wrote only"*) refuse "no space left on the disk" "$@" ;;
  esac
  refuse "the upload could not be unpacked: $error" "$@"
fi
cd /
# tar accepts a stream that was cut between two files: only the manifest shows that some are missing.
printf '%s  %s\n' "$digest" "$run/manifest" | sha256sum --check --status 2> /dev/null &&
  sha256sum --check --status --strict "$run/manifest" || refuse "the upload is incomplete" "$@"
begin() {
  run_unit "$description" \
    -p RuntimeDirectory="${run#/run/}" -p RuntimeDirectoryMode=0700 -p KillMode=control-group -p TimeoutStopSec=10min \
    -p LimitNOFILE=65536 -p WorkingDirectory=/ -p UMask=0022 -p StandardOutput="append:$outcome/log" -p StandardError=inherit \
    -p ExecStopPost="/bin/sh $run/end.sh $id" \
    --setenv=HOME="$HOME" --setenv=LC_ALL="$LC_ALL" --setenv=TMPDIR="$TMPDIR" --setenv=PATH="$PATH" \
    --setenv=DEBIAN_FRONTEND="$DEBIAN_FRONTEND" --setenv=NEEDRESTART_SUSPEND="$NEEDRESTART_SUSPEND" \
    /bin/sh "$run/driver.sh" "$id"
}
# A client that lost its connection makes the same directory if it gives up. Only one of the two can make it.
mkdir "$outcome/begun" || refuse "the client has given up this change" "$@"
error=$(begin 2>&1) || refuse "systemd did not start the change: $error" "$@"
trap - HUP INT TERM
systemctl show -p MainPID --value "$UNIT"
