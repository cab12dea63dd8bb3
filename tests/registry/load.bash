# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# load.bash - many agents with connections that they keep, for a shell test beside serve.bash
#
# Sourced after it. podman is played by what register_load says of its agents; lines of $dir/happens
# are its events.
load=$B/tests/registry/peer/register_load
[ -x "$load" ] || { echo "$load is not there (make test)"; exit 1; }
cat >"$dir/bin/podman" <<'END'
#!/bin/bash
dir=$(dirname "$(dirname "$0")")
case "$*" in
ps*json*) echo '[]' ;; # nobody is dialled
events*) exec tail -n +1 -s 0.02 -f "$dir/happens" ;;
ps*) cat "$dir/ids" ;;
container*) cat "$dir/inspect.json" ;;
esac
END
touch "$dir/happens"
agents() { # agents N: there are so many
	coproc loaded { exec "$load" "$dir/c/pki" "$1" "$dir" 2>"$dir/load.err"; }
	# shellcheck disable=SC2154 # the coproc's
	load_pid=$loaded_PID # the other is gone as soon as it is
	others+=("$load_pid")
	exec 7<&"${loaded[0]}" 8>&"${loaded[1]}"
	same "$(heard)" "agents $1" || { echo "not ok there are $1 agents"; exit 1; }
}
agents_end() {
	kill "$load_pid"
	wait "$load_pid" 2>/dev/null
	exec 7<&- 8>&-
	others=()
}
heard() { # the next line, or why there is none
	local line
	if read -r -t 600 line <&7; then
		echo "$line"
	else
		tail -n 1 "$dir/load.err"
	fi
}
say() { # say WORDS...: what it answers
	echo "$*" >&8
	heard
}
codes() { # codes WORDS...: of the calls that it makes then
	say "$@" | sed 's/.* max [0-9]* //'
}
removed() { # removed CONTAINER
	printf '{"ID":"%s","Name":"c","Status":"remove","Type":"container","Attributes":{"dev.clawker.purpose":"agent"}}\n' "$1" >>"$dir/happens"
}
