# The unit's ExecStopPost: writes how the change ended, first into memory, since the disk may be full, then into the record.
id=$1
outcome=$OUTCOMES/$id
printf 'EXIT_CODE=%s EXIT_STATUS=%s\n' "$EXIT_CODE" "$EXIT_STATUS" > "$outcome/.outcome" && mv "$outcome/.outcome" "$outcome/outcome"
rm -rf "$INCOMING-$id"
# Each file is copied whole or not at all. Files of earlier changes are copied, too, if a full disk prevented it before.
for record in "$RECORDS"/*/; do
  record=${record%/}
  for name in outcome log; do
    kept=$OUTCOMES/${record##*/}/$name
    [ ! -e "$kept" ] || cmp -s "$kept" "$record/$name" && continue
    { cp "$kept" "$record/.$name" && mv "$record/.$name" "$record/$name"; } 2> /dev/null || rm -f "$record/.$name"
  done
done
if mountpoint -q "$DATA"; then
  mkdir -p "$RECORD_COPIES"
  for record in "$RECORDS"/*/; do
    record=${record%/}
    copy=$RECORD_COPIES/${record##*/}
    [ -e "$copy" ] && continue
    { rm -rf "$copy.tmp" && cp -r "$record" "$copy.tmp" && mv "$copy.tmp" "$copy"; } 2> /dev/null || rm -rf "$copy.tmp"
  done
fi
# The last twenty outcomes stay in memory for clients that reconnect; the records keep all of them.
ls -1dtr "$OUTCOMES"/*/ | head -n -20 | xargs -r rm -rf
