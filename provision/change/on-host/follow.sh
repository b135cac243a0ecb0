# Sends the log of a change from a byte offset on until its unit has ended. Arguments: id, offset (from 1).
id=$1 offset=$2 log=$OUTCOMES/$1/log
ours() { case $(systemctl show -p ExecStart --value "$UNIT") in *"$id"*) true ;; *) false ;; esac }
[ -e "$log" ] || exit 0
pid=0
ours && pid=$(systemctl show -p MainPID --value "$UNIT")
# --pid=0 would never end; the default poll of 1 s ends 0.9 s late.
if [ "${pid:-0}" != 0 ]; then tail -c +"$offset" -f -s 0.1 --pid="$pid" "$log"; else tail -c +"$offset" "$log"; fi
while ours; do
  case $(systemctl show -p ActiveState --value "$UNIT") in
  active | activating | deactivating) sleep 0.05 ;;
  *) break ;;
  esac
done
