# Reboots the host in the unit that changes run in: so no change and no reboot can begin during the other.
# Argument: the description. Exit codes: 0 the reboot begins · 75 a change runs (prints its description) · 1 anything else.
run_unit "$1" -p DefaultDependencies=no sh -c 'sleep 0.5; systemctl reboot; sleep 60' && exit
tell_busy && exit 75
exit 1
