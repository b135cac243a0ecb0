# Prints the log of a change from a byte on, until its unit has ended. Arguments: id, number of the byte (the first is 1).
id=$1 offset=$2 log=$OUTCOMES/$1/log
ours() { case $(systemctl show -p ExecStart --value "$UNIT") in *"$id"*) true ;; *) false ;; esac }
[ -e "$log" ] || exit 0
pid=0
ours && pid=$(systemctl show -p MainPID --value "$UNIT")
# With --pid=0 tail would never end. With its default interval of 1 s it would end 0.9 s late.
if [ "${pid:-0}" != 0 ]; then tail -c +"$offset" -f -s 0.1 --pid="$pid" "$log"; else tail -c +"$offset" "$log"; fi
while ours; do
  case $(systemctl show -p ActiveState --value "$UNIT") in
  active | activating | deactivating) sleep 0.05 ;;
  *) break ;;
  esac
done
