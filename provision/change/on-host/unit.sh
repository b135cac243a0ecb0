# Functions of the scripts that start the unit. Only one unit of this name can run: it is the lock on the host.

# Prints what the unit is doing; fails if it is not running.
tell_busy() {
  case $(systemctl show -p ActiveState --value "$UNIT") in
  active | activating | deactivating) systemctl show -p Description --value "$UNIT" ;;
  *) false ;;
  esac
}

# Starts the unit. Arguments: its description, more of systemd-run's options, and the program with its arguments.
run_unit() {
  # A unit that has failed keeps its name until it is reset.
  [ "$(systemctl show -p ActiveState --value "$UNIT")" != failed ] || systemctl reset-failed "$UNIT"
  unit_description=$1
  shift
  systemd-run --quiet --collect --service-type=exec --unit="$UNIT" --description="$unit_description" "$@"
}
