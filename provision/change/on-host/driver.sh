# Runs a change, as the main process of the unit. Its output is the change's log; the driver's own lines begin with ::<id>:
# Exit codes: 0 done · 1 an action failed · 3 the host has changed since it was planned · 4 stopped between two actions.
id=$1
CHANGE=$id
export CHANGE
run=$RUNS/$id outcome=$OUTCOMES/$id record=$RECORDS/$id
mark() { printf '::%s:%s\n' "$id" "$*"; }
cd /

# This unit is the lock, so no other change can come between these checks and the actions.
for check in "$run"/checks/*.sh; do
  [ -e "$check" ] || break
  /bin/sh "$check" < /dev/null > "$run/answer" 2> /dev/null
  code=$?
  found=$({ echo $code; cat "$run/answer"; } | sha256sum)
  if [ "${found%% *}" != "$(cat "${check%.sh}.digest")" ]; then
    mark stale "$(cat "${check%.sh}.about")"
    exit 3
  fi
done
rm -f "$run/answer"

# A new id in `newest` makes the plans of other operators stale. If the record cannot be written, nothing is changed.
mkdir -p "$record" && chmod 0700 "$RECORDS" "$record" && cp "$run/about.json" "$record/about.json" && printf '%s\n' "$id" > "$RECORDS/.newest-$id" &&
  mv "$RECORDS/.newest-$id" "$RECORDS/newest" || {
  rm -rf "$RECORDS/.newest-$id" "$record"
  mark failed "cannot write the record of this change to $RECORDS"
  exit 1
}
# Remove the uploads of other changes: those never started.
for left in "$RUNS"/* "$INCOMING"-*; do
  case $left in
  *"$id") ;;
  *) rm -rf "$left" ;;
  esac
done

keep_log() { cp "$outcome/log" "$record/.log" 2> /dev/null && mv "$record/.log" "$record/log" || rm -f "$record/.log"; }
for action in "$run"/actions/*.sh; do
  [ -e "$action" ] || break
  name=${action##*/}
  name=${name%.sh}
  if [ -e "$outcome/stop" ]; then
    mark stopped "$name"
    exit 4
  fi
  mark start "$name"
  input=$run/inputs/$name
  [ -e "$input" ] || input=/dev/null
  /bin/sh -e "$action" < "$input" 2>&1
  code=$?
  mark end "$name" $code
  keep_log
  [ $code = 0 ] || exit 1
done
mark done
