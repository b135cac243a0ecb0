# Reboots the host under the name of changes: neither begins while the other is under way. Argument: the description.
# Exit codes: 0 asked for · 75 a change runs (prints its description) · 1 the rest.
run_unit "$1" -p DefaultDependencies=no sh -c 'sleep 0.5; systemctl reboot; sleep 60' && exit
tell_busy && exit 75
exit 1
