# Functions for whoever starts the unit: its name is the lock of all that changes the host.

# Prints what the unit does; fails where it does nothing.
tell_busy() {
  case $(systemctl show -p ActiveState --value "$UNIT") in
  active | activating | deactivating) systemctl show -p Description --value "$UNIT" ;;
  *) false ;;
  esac
}

# Starts the unit. Arguments: its description, more of systemd-run's options, and the program with its arguments.
run_unit() {
  # One that has failed keeps the name.
  [ "$(systemctl show -p ActiveState --value "$UNIT")" != failed ] || systemctl reset-failed "$UNIT"
  unit_description=$1
  shift
  systemd-run --quiet --collect --service-type=exec --unit="$UNIT" --description="$unit_description" "$@"
}
