# ExecStopPost of the unit airflow-change: writes how the change ended, first to /run (a full disk loses nothing), then to the record.
id=$1
outcome=/run/airflow-outcomes/$id changes=/var/lib/airflow-deployment/changes
printf 'EXIT_CODE=%s EXIT_STATUS=%s\n' "$EXIT_CODE" "$EXIT_STATUS" > "$outcome/.outcome" && mv "$outcome/.outcome" "$outcome/outcome"
rm -rf "/srv/airflow/.incoming-$id"
# A change that found the host changed touched nothing: it has no record.
[ -d "$changes/$id" ] && cp "$outcome/outcome" "$outcome/log" "$changes/$id/"
if mountpoint -q /srv/airflow; then
  mkdir -p /srv/airflow/changes
  for record in "$changes"/*/; do
    record=${record%/}
    copy=/srv/airflow/changes/${record##*/}
    [ -e "$copy" ] || { rm -rf "$copy.tmp" && cp -r "$record" "$copy.tmp" && mv "$copy.tmp" "$copy"; }
  done
fi
# The last twenty outcomes stay for clients that come back; the records keep all.
ls -1dtr /run/airflow-outcomes/*/ | head -n -20 | xargs -r rm -rf
