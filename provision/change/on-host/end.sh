# ExecStopPost of the unit airflow-change: writes how the change ended, first to /run (a full disk loses nothing), then to the record.
id=$1
outcome=/run/airflow-outcomes/$id changes=/var/lib/airflow-deployment/changes
printf 'EXIT_CODE=%s EXIT_STATUS=%s\n' "$EXIT_CODE" "$EXIT_STATUS" > "$outcome/.outcome" && mv "$outcome/.outcome" "$outcome/outcome"
rm -rf "/srv/airflow/.incoming-$id"
# Whole files or none, and those that an earlier change could not keep on a full disk, too.
for record in "$changes"/*/; do
  record=${record%/}
  for name in outcome log; do
    kept=/run/airflow-outcomes/${record##*/}/$name
    [ ! -e "$kept" ] || cmp -s "$kept" "$record/$name" && continue
    { cp "$kept" "$record/.$name" && mv "$record/.$name" "$record/$name"; } 2> /dev/null || rm -f "$record/.$name"
  done
done
if mountpoint -q /srv/airflow; then
  mkdir -p /srv/airflow/changes
  for record in "$changes"/*/; do
    record=${record%/}
    copy=/srv/airflow/changes/${record##*/}
    [ -e "$copy" ] && continue
    { rm -rf "$copy.tmp" && cp -r "$record" "$copy.tmp" && mv "$copy.tmp" "$copy"; } 2> /dev/null || rm -rf "$copy.tmp"
  done
fi
# The last twenty outcomes stay for clients that come back; the records keep all.
ls -1dtr /run/airflow-outcomes/*/ | head -n -20 | xargs -r rm -rf
