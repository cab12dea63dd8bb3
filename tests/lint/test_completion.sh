#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_completion.sh - completion in bash and zsh offers every verb and option that --help has,
# and words for places and options; it runs nothing of what it reads
set -u
build=$(readlink -f "${B:-build}")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

is() { # is NAME WANT GOT
	if [ "$2" = "$3" ]; then
		echo "ok $1"
	else
		echo "not ok $1"
		echo "   '$3', not '$2'"
		bad=1
	fi
}

for f in terok-bpfd terok-clearance terok-why completion/bash/terok-bpfd completion/zsh/_terok-bpfd; do
	[ -e "$build/$f" ] || { echo "not ok $f is built"; exit 1; }
done

# what there is to answer is made up, with names that would need quotes; --help is the programs' own
program() { # program NAME: the rest of it comes on standard input
	{
		printf '#!/bin/sh\ncase "$*" in\n*--help) exec %s "$@" ;;\n' "$build/$1"
		cat
		echo 'esac'
	} >"$dir/$1"
	chmod 755 "$dir/$1"
}
program terok-bpfd <<'EOT'
profiles) printf 'base\nzoo\n' ;;
status*) echo '{"loaded":true,"pins":"/x","guards":[{"guard":1,"name":"web.service","container":"c"},{"guard":2,"name":"two words","container":"c"},{"guard":3,"name":"$(touch ran)","container":"c"},{"guard":7,"name":"build_1","container":"c"}]}' ;;
EOT
program terok-clearance <<'EOT'
list*) printf '{"sequence":1,"request_id":"%s","name":"x"}\n' 0123456789ab:7 fedcba987654:12 'x y' ;;
guards*) printf '{"guard":1,"name":"%s"}\n' web.service 'two words' ;;
grants*) printf '{"guard":1,"grant":"%s","dest":"x"}\n' 1.3 2.9 ;;
EOT
program terok-sandbox <<'EOT'
list*) printf '[{"name":"%s"}]\n' task1 'two words' ;;
EOT
program terok-gate </dev/null
program terok-proxy </dev/null
program terok-cp </dev/null
program terok-why </dev/null
printf '#!/bin/sh\nprintf "box\\nother\\n$(touch ran)\\n"\n' | sed 's/\$/\\$/' >"$dir/podman"
chmod 755 "$dir/podman"

for f in "$build"/completion/bash/*; do
	# shellcheck disable=SC1090
	. "$f"
done

offers() { # offers PROGRAM WORD...: what bash puts in for the last of them
	local line=$*
	COMP_LINE=$line COMP_POINT=${#line} COMPREPLY=()
	(cd "$dir" && PATH=$dir:$PATH && "_${1//-/_}" && echo "${COMPREPLY[*]}")
}
# as bash has them where nobody changed them
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'

# --- what help has -----------------------------------------------------------------------

options() { # of --help, sorted
	"$build/$1" ${2:+"$2"} --help | sed -n 's/^  --\([a-z-]*\).*/--\1/p' | sort | tr '\n' ' '
}
sorted() { tr ' ' '\n' | grep '^--' | grep -vx -- --help | sort | tr '\n' ' '; }
for p in terok-bpfd terok-clearance terok-sandbox terok-gate terok-proxy terok-cp; do
	source=tools/${p#terok-}.c
	case $p in terok-bpfd) source=user/bpfd.c ;; terok-gate) source=gate/main.c ;; terok-proxy) source=proxy/main.c ;; terok-cp) source=user/registry/main.c ;; esac
	verbs=$(sed -n 's/^\t{ "\([a-zA-Z-]*\)",.*/\1/p' $source | tr '\n' ' ')
	is "$p offers its verbs" "$verbs--help --version" "$(offers $p "")"
	for verb in $verbs; do
		is "$p $verb offers its options" "$(options $p "$verb")" "$(offers $p "$verb" -- | sorted)"
	done
done
is "terok-why offers its options" "$(options terok-why)" "$(offers terok-why -- | sorted)"

# --- words -------------------------------------------------------------------------------

for verb in status detach up down block bypass allow deny resolve publish rules names flush explain logs history harvest watch doctor; do
	is "$verb offers every guard" "web.service build_1" "$(offers terok-bpfd $verb "")"
done
is "a name that was begun is ended" "build_1" "$(offers terok-bpfd up b)"
is "behind an option and its value as well" "build_1" "$(offers terok-bpfd logs --lines 5 b)"
is "the second place is no guard" "" "$(offers terok-bpfd allow build_1 "")"
is "attach offers containers" "box other" "$(offers terok-bpfd attach "")"
is "profiles offers what it does" "show lint" "$(offers terok-bpfd profiles "")"
is "profiles show offers every profile" "base zoo" "$(offers terok-bpfd profiles show "")"
is "--profile offers every profile" "base zoo" "$(offers terok-bpfd attach box --profile "")"
is "--profile= does so too, behind the =" "zoo" "$(offers terok-bpfd attach box --profile=z)"
is "--names offers how they are answered" "learn synthetic off" "$(offers terok-bpfd attach box --names "")"
is "--only offers checks" "cgroups cgroup" "$(offers terok-bpfd doctor --only cg)"
is "a verb that was begun is ended" "status" "$(offers terok-bpfd st)"
is "behind -- is somebody else's command" "" "$(offers terok-bpfd exec -- "")"
is "no verb, no word" "" "$(offers terok-bpfd nonsense "")"

is "allow offers every open request" "0123456789ab:7 fedcba987654:12" "$(offers terok-clearance allow "")"
is "an id that was begun is ended" "fedcba987654:12" "$(offers terok-clearance deny f)"
is "behind a colon only the rest of it is put in" "7" "$(offers terok-clearance deny 0123456789ab:)"
is "answer offers what can be answered" "allow" "$(offers terok-clearance answer 0123456789ab:7 al)"
is "revoke offers every grant" "1.3 2.9" "$(offers terok-clearance revoke "")"
is "session offers guards" "web.service" "$(offers terok-clearance session --json "")"
is "--reach offers how far" "address name children" "$(offers terok-clearance allow x --reach "")"
is "--scope offers for how long" "session" "$(offers terok-clearance allow x --scope s)"
is "stop offers containers" "task1" "$(offers terok-sandbox stop "")"
is "an option's own words are in help" "krun" "$(offers terok-sandbox run --runtime k)"
is "its value is no option" "all amd" "$(offers terok-sandbox run x --publish 8080:80 --gpus a)"
is "--wait offers how long" "90s 10m 2h" "$(offers terok-why --wait "")"
is "nothing that was read was run" "" "$(find "$dir" -name ran)"

# --- zsh ---------------------------------------------------------------------------------

if ! command -v zsh >/dev/null; then
	echo "SKIP zsh: it is not installed (tools/deps --install test)"
	exit $bad
fi

# the same words, as zsh runs the same functions
listed() { # listed PROGRAM WORD...
	(cd "$dir" && PATH=$dir:$PATH zsh -fc '
		compdef() { }; _describe() { }; _files() { }
		compstate=(); words=(x); CURRENT=1
		. "$1" >/dev/null 2>&1
		f=${2//-/_}_candidates; shift 2; $f "$@"' zsh "$build/completion/zsh/_$1" "$@" | cut -f 1 | tr '\n' ' ')
}
for p in terok-bpfd terok-clearance terok-sandbox terok-gate terok-proxy terok-cp; do
	verbs=$(offers $p "" | sed 's/ --help.*//')
	is "zsh: $p offers its verbs" "$verbs --help --version " "$(listed $p "")"
	for verb in $verbs; do
		is "zsh: $p $verb offers its options" "$(options $p "$verb")" "$(listed $p "$verb" - | sorted)"
	done
done
is "zsh: guards" "web.service build_1 " "$(listed terok-bpfd up "")"
is "zsh: requests" "0123456789ab:7 fedcba987654:12 " "$(listed terok-clearance allow "")"

# and as a person has it: keys into a terminal, and what then stands in the line
cat >"$dir/typed" <<'EOT'
zmodload zsh/zpty
zpty -b shell zsh -f -i
zpty -w shell "fpath=($1/completion/zsh \$fpath); autoload -Uz compinit; compinit -D -u"
zpty -w shell "line() { print -r -- \"\$BUFFER\" >line; BUFFER= }; zle -N line; bindkey '^X' line; print r''eady"
typeset said all
while zpty -r -m shell said '*ready*' || sleep 0.05; do all+=$said; [[ $all == *$'\n'ready* ]] && break; done
zpty -w -n shell "$2"$'\t\x18'
for (( i = 0; i < 200; i++ )); do [[ -s line ]] && break; sleep 0.05; done
cat line
EOT
typed() { # typed TEXT: the line after a TAB at its end
	(cd "$dir" && rm -f line && PATH=$dir:$PATH TERM=dumb HOME=$dir timeout 20 zsh -f "$dir/typed" "$build" "$1")
}
is "zsh, typed: a verb" "terok-bpfd status " "$(typed "terok-bpfd sta")"
is "zsh, typed: a guard" "terok-bpfd up build_1 " "$(typed "terok-bpfd up b")"
is "zsh, typed: an option" "terok-bpfd attach --profile " "$(typed "terok-bpfd attach --prof")"
is "zsh, typed: its value" "terok-bpfd attach --profile zoo " "$(typed "terok-bpfd attach --profile z")"
is "zsh, typed: a request with a colon" "terok-clearance allow fedcba987654:12 " "$(typed "terok-clearance allow f")"
is "zsh: nothing that was read was run" "" "$(find "$dir" -name ran)"
exit $bad
