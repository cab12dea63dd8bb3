#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_completion.sh - completion offers every guard, and every option that --help has
set -u
build=$(readlink -f "${B:-build}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# what `status --json` says of two guards, one of them with a name that would need quotes
cat >"$dir/terok-bpfd" <<'EOT'
#!/bin/sh
[ "$1" != profiles ] || exec printf 'base\nzoo\n'
echo '{"loaded":true,"pins":"/x","guards":[{"guard":1,"name":"web.service","container":"c"},{"guard":2,"name":"two words","container":"c"},{"guard":7,"name":"build_1","container":"c"}]}'
EOT
chmod 755 "$dir/terok-bpfd"
. user/completion/terok-bpfd

offers() { # offers WORD...: what is offered for the last of them
	COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
	PATH=$dir:$PATH _terok_bpfd
	echo "${COMPREPLY[*]}"
}

# what there is to answer is made up; verbs and options are the program's own
cat >"$dir/terok-clearance" <<EOT
#!/bin/sh
build=$build
EOT
cat >>"$dir/terok-clearance" <<'EOT'
case "$*" in
*--help) exec "$build/terok-clearance" "$@" ;;
list*) printf '{"sequence":1,"request_id":"%s","name":"x"}\n' 0123456789ab:7 fedcba987654:12 'x y' ;;
guards*) printf '{"guard":1,"name":"%s"}\n' web.service 'two words' ;;
grants*) printf '{"guard":1,"grant":"%s","dest":"x"}\n' 1.3 2.9 ;;
esac
EOT
chmod 755 "$dir/terok-clearance"
. user/completion/terok-clearance

clears() { # clears WORD...: the same of terok-clearance, as bash splits them
	local line=$*
	COMP_LINE=$line COMP_POINT=${#line}
	mapfile -t COMP_WORDS < <(printf '%s\n' "$@" | sed 's/:/\n:\n/g')
	COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMPREPLY=()
	PATH=$dir:$PATH _terok_clearance
	echo "${COMPREPLY[*]}"
}

is() { # is NAME WANT GOT
	if [ "$2" = "$3" ]; then
		echo "ok $1"
	else
		echo "not ok $1"
		echo "   '$3', not '$2'"
		bad=1
	fi
}

for verb in status detach up down block bypass allow deny resolve publish rules names flush explain logs harvest watch doctor; do
	is "$verb offers every guard" "web.service build_1" "$(offers terok-bpfd $verb "")"
done
is "a name that was begun is ended" "build_1" "$(offers terok-bpfd up b)"
is "profiles offers what it does" "show lint" "$(offers terok-bpfd profiles "")"
is "profiles show offers every profile" "base zoo" "$(offers terok-bpfd profiles show "")"
is "--profile offers every profile" "base zoo" "$(offers terok-bpfd attach box --profile "")"
is "--names offers how they are answered" "learn synthetic off" "$(offers terok-bpfd attach box --names "")"
is "a verb that was begun is ended" "status" "$(offers terok-bpfd st)"

is "allow offers every open request" "0123456789ab:7 fedcba987654:12" "$(clears terok-clearance allow "")"
is "an id that was begun is ended" "fedcba987654:12" "$(clears terok-clearance deny f)"
is "behind a colon only the rest of it is put in" "7" "$(clears terok-clearance deny 0123456789ab:)"
is "answer offers what can be answered" "allow" "$(clears terok-clearance answer 0123456789ab:7 al)"
is "revoke offers every grant" "1.3 2.9" "$(clears terok-clearance revoke "")"
is "session offers guards" "web.service" "$(clears terok-clearance session --json "")"
is "--reach offers how far" "address name children" "$(clears terok-clearance allow x --reach "")"
is "--scope offers for how long" "session" "$(clears terok-clearance allow x --scope s)"

if [ -x "$build/terok-clearance" ]; then
	verbs=$(sed -n 's/^\t{ "\([a-z-]*\)",.*/\1/p' tools/clearance.c | tr '\n' ' ')
	is "terok-clearance offers its verbs" "$verbs--help --version" "$(clears terok-clearance "")"
	for verb in $verbs; do
		want=$("$build/terok-clearance" "$verb" --help | sed -n 's/^  --\([a-z-]*\).*/--\1/p' | sort | tr '\n' ' ')
		is "terok-clearance $verb offers its options" "$want" \
			"$(clears terok-clearance "$verb" -- | tr ' ' '\n' | sed '/^$/d' | sort | tr '\n' ' ')"
	done
fi
if [ -x "$build/terok-bpfd" ]; then
	for verb in $(offers terok-bpfd "" | tr ' ' '\n' | grep -v '^-'); do
		want=$("$build/terok-bpfd" "$verb" --help | sed -n 's/^  --\([a-z-]*\).*/--\1/p' | sort | tr '\n' ' ')
		is "$verb offers its options" "$want" \
			"$(offers terok-bpfd "$verb" -- | tr ' ' '\n' | grep -vx -- -- | sed '/^$/d' | sort | tr '\n' ' ')"
	done
else
	echo "SKIP options: no programs in $build"
fi

exit $bad
