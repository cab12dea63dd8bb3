#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_sandbox_stop.sh - terok-sandbox stop and doctor with a podman that hangs or says nothing. The real one cannot be
# made to do that at a given step, so this one is a script that answers what is asked up to there.
set -u
B=$(readlink -f "${B:-$(dirname "$0")/../../build}")
SANDBOX=$B/terok-sandbox
[ -x "$SANDBOX" ] || { echo "not ok $SANDBOX is not there (make)"; exit 1; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
export TEROK_SANDBOX_STATE_DIR=$dir/state
bad=0
is() { if [ "$2" = "$3" ]; then echo "ok $1"; else echo "not ok $1"; echo "   '$3', not '$2'"; bad=1; fi; }
within() { # within TEXT MIN MAX SECONDS
	if [ "$4" -ge "$2" ] && [ "$4" -le "$3" ]; then echo "ok $1"; else echo "not ok $1 ($4 s)"; bad=1; fi
}

# podman_in NAME: a folder with a podman that runs the commands of standard input with $1 as its verb
podman_in() {
	mkdir -p "$dir/$1"
	{ echo '#!/bin/sh'; echo "cd $dir/$1"; cat; } >"$dir/$1/podman"
	chmod 755 "$dir/$1/podman"
}
id=0123456789012345678901234567890123456789012345678901234567890123
# stop hangs: it is killed and removed
podman_in stop <<-END
	case \$1 in
	inspect) [ ! -e gone ] || { echo 'Error: no such container' >&2; exit 125; }; echo $id box running 0 1700000000 ;;
	stop) echo "\$*" >stop; exec sleep 1000 ;;
	kill) echo killed >>log ;;
	rm) echo removed >>log; touch gone ;;
	esac
END
# all hang
podman_in all <<-END
	case \$1 in
	inspect) echo $id box running 0 1700000000 ;;
	*) exec sleep 1000 ;;
	esac
END
# it takes most of what it may: that is not cut short
podman_in slow <<-END
	case \$1 in
	inspect) [ ! -e gone ] || { echo 'Error: no such container' >&2; exit 125; }; echo $id box running 0 1700000000 ;;
	stop) sleep 16; echo ended >log ;;
	kill) echo killed >>log ;;
	rm) touch gone ;;
	esac
END
stop() { # stop NAME ARG...: in the background; its output, status and time are in the folder
	local name=$1 start=$SECONDS
	shift
	PATH=$dir/$name:$PATH "$SANDBOX" stop box "$@" >"$dir/$name/out" 2>"$dir/$name/err"
	echo "$? $((SECONDS - start))" >"$dir/$name/end"
}
stop stop --grace 2 &
stop all --grace 0 --json &
stop slow --grace 3 &
wait
read -r rc s <"$dir/stop/end"
is "a stop that hangs: it is removed all the same" "0 killed removed" "$rc $(tr '\n' ' ' <"$dir/stop/log" | sed 's/ $//')"
is "it was given its grace" "stop --time 2 -- $id" "$(cat "$dir/stop/stop")"
within "and then 15 seconds" 16 20 "$s"
read -r rc s <"$dir/slow/end"
is "one that needs its grace and more is not killed" "0 ended" "$rc $(cat "$dir/slow/log")"
read -r rc s <"$dir/all/end"
is "a podman that hangs is given up at the ceilings" 1 "$rc"
within "which are 15, 15 and 60 seconds" 88 100 "$s"
is "and it is said that it is not removed" '[{"name":"box","removed":false,"error":"podman rm gave no answer in 60 s"}]' "$(cat "$dir/all/out")"

# a record of long ago, and a podman that says nothing of its container
podman_in silent <<-END
	echo 'Error: database is locked' >&2
	exit 125
END
podman_in knows <<-END
	echo 'Error: no such container' >&2
	exit 125
END
mkdir -p "$TEROK_SANDBOX_STATE_DIR/runs/old"
echo '{"id":"","image":"i"}' >"$TEROK_SANDBOX_STATE_DIR/runs/old/meta.json"
touch -d '2 hours ago' "$TEROK_SANDBOX_STATE_DIR/runs/old/meta.json"
finding() {
	PATH=$dir/$1:$PATH timeout 60 "$SANDBOX" doctor --json |
		jq -r '.checks[] | select(.label == "Stray run records") | .severity + ": " + .detail'
}
is "nothing is concluded from a podman that is silent" "warn: podman could not be asked: nothing is concluded" "$(finding silent)"
is "what podman does not know is gone" "warn: 1 of containers that are gone, the first of old" "$(finding knows)"
touch "$TEROK_SANDBOX_STATE_DIR/runs/old/meta.json"
is "but not what may be being started" "ok: none" "$(finding knows)"
is "nothing was removed" 1 "$(find "$TEROK_SANDBOX_STATE_DIR" -name meta.json | wc -l)"
exit $bad
