#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# test_profiles.sh - terok-bpfd profiles: what it prints, in text and JSON, and how it exits
set -u
bpfd=$(readlink -f "${B:-build}")/terok-bpfd
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
umask 022
export TEROK_CONFIG=$dir/config TEROK_DATA=$dir/data
# nothing here needs an agent, and none may be touched
export TEROK_PINS=$dir/pins TEROK_RUN=$dir/run
bad=0

[ -x "$bpfd" ] || { echo "SKIP profiles: no programs in ${B:-build}"; exit 77; }

# is NAME EXIT WANT ARG...: exit code, and stdout and stderr together without the folder's name
is() {
	local name=$1 code=$2 want=$3 got rc
	shift 3
	got=$(timeout 10 "$bpfd" profiles "$@" 2>&1 </dev/null)
	rc=$?
	got=${got//"$dir"\//}
	if [ "$rc" = "$code" ] && [ "$got" = "$want" ]; then
		echo "ok $name"
	else
		echo "not ok $name"
		printf '   exit %s, not %s\n   got:  %q\n   want: %q\n' "$rc" "$code" "$got" "$want"
		bad=1
	fi
}

put() { # put FOLDER NAME TEXT
	mkdir -p "$dir/$1/profiles"
	printf '%b' "$3" >"$dir/$1/profiles/$2.txt"
}

is "no folder is no profiles" 0 ""
is "no folder is no profiles in JSON" 0 "[]" --json
is "no profiles are no errors" 0 "0 errors, 0 warnings" lint

put data base '# shipped\nshipped.example\n'
put data zoo 'Zoo.example.\n!192.0.2.1:53/udp\nzoo.example\n'
put config base '# mine\nmine.example\n[2001:DB8::1]:443/tcp\n'
put config hostile 'ok.example\nesc\033[31m.example\nlatin\0351.example\nnul\0000.example\n1.2.3.4/33\ntwo words\n'
put config waste 'a.example\nB.example\n!a.example\nb.example.\n!a.example\n!c.example:53\nc.example\n'
put config no.profile.-x 'x.example\n'
: >"$dir/config/profiles/.hidden.txt"
: >"$dir/config/profiles/notes"

is "the list has each name once, sorted" 0 "$(printf '%s\n' base hostile no.profile.-x waste zoo)"
list='[{"name":"base","source":"user","path":"config/profiles/base.txt","entries":2},{"name":"hostile","source":"user","path":"config/profiles/hostile.txt","entries":null,"error":"config/profiles/hostile.txt:2: '"'esc [31m.example'"': one entry a line, of printable characters without spaces"},{"name":"no.profile.-x","source":"user","path":"config/profiles/no.profile.-x.txt","entries":1},{"name":"waste","source":"user","path":"config/profiles/waste.txt","entries":5},{"name":"zoo","source":"shipped","path":"data/profiles/zoo.txt","entries":2}]'
is "the list in JSON has source, path and entries" 0 "$list" --json

is "show prints canonical text, each entry once" 0 \
	"$(printf '%s\n' zoo.example '!192.0.2.1:53/udp' mine.example '[2001:db8::1]:443/tcp')" show zoo base zoo
is "show in JSON is one array" 0 '["zoo.example","!192.0.2.1:53/udp"]' show zoo --json
is "an unknown profile is one error, with those there are" 1 \
	"terok-bpfd: no profile 'nope'; terok-bpfd profiles lists them: base, hostile, no.profile.-x, waste, zoo" show zoo nope
is "a bad profile is named with its line" 1 \
	"terok-bpfd: config/profiles/hostile.txt:2: 'esc [31m.example': one entry a line, of printable characters without spaces" show hostile
is "a name with dots alone is refused" 1 "terok-bpfd: '..' is no profile's name: letters, digits, '.', '_', '-'" show ..
is "a name with a hyphen before it is refused" 1 "terok-bpfd: '-x' is no profile's name: letters, digits, '.', '_', '-'" show -- -x

is "lint tells every bad line, not the first only" 1 \
	"config/profiles/hostile.txt:2: error: 'esc [31m.example': one entry a line, of printable characters without spaces
config/profiles/hostile.txt:3: error: 'latin .example': one entry a line, of printable characters without spaces
config/profiles/hostile.txt:4: error: a NUL byte
config/profiles/hostile.txt:5: error: prefix length '33' of '1.2.3.4/33' is not 0 to 32
config/profiles/hostile.txt:6: error: 'two words': one entry a line, of printable characters without spaces
5 errors, 0 warnings" lint hostile
waste="config/profiles/waste.txt:1: warning: 'a.example' never matters: line 3 denies it
config/profiles/waste.txt:4: warning: 'b.example' is there already, in line 2
config/profiles/waste.txt:5: warning: '!a.example' is there already, in line 3
0 errors, 3 warnings"
is "warnings alone are no failure" 0 "$waste" lint waste
is "lint takes a path as well" 0 "$waste" lint "$dir/config/profiles/waste.txt"
is "lint in JSON has file, line, kind and text" 0 \
	'[{"file":"config/profiles/waste.txt","line":1,"kind":"warning","text":"'"'a.example'"' never matters: line 3 denies it"},{"file":"config/profiles/waste.txt","line":4,"kind":"warning","text":"'"'b.example'"' is there already, in line 2"},{"file":"config/profiles/waste.txt","line":5,"kind":"warning","text":"'"'!a.example'"' is there already, in line 3"}]' lint waste --json
is "what is not there is an error" 1 "no/such: error: no/such: no such file
1 error, 0 warnings" lint no/such
is "an escape in a name stays in it" 1 " [31mx: error: ' [31mx' is no profile's name: letters, digits, '.', '_', '-'
1 error, 0 warnings" lint $'\033[31mx'
rm "$dir"/config/profiles/{hostile,waste}.txt
is "lint without a name is all of them" 0 "data/profiles/zoo.txt:3: warning: 'zoo.example' is there already, in line 1
0 errors, 1 warning" lint
chmod 666 "$dir/config/profiles/base.txt"
is "what others can write is an error" 1 \
	"terok-bpfd: config/profiles/base.txt: can be written by others (user $(id -u), mode 0666), so it is not believed; try: chown root and chmod go-w" show base
chmod 644 "$dir/config/profiles/base.txt"

is "a word that is none is a wrong command line" 2 "terok-bpfd: profiles: show NAME..., lint [NAME|FILE...] or nothing, not 'shew'" shew
is "show alone is a wrong command line" 2 "terok-bpfd: profiles: show NAME..., lint [NAME|FILE...] or nothing, not 'show' alone" show

unset TEROK_CONFIG
mkdir -p "$dir/shipped/profiles"
install -m 0644 user/profiles/*.txt "$dir/shipped/profiles"
export TEROK_CONFIG=$dir/none TEROK_DATA=$dir/shipped
is "the shipped profiles are clean" 0 "0 errors, 0 warnings" lint
is "there are five of them" 0 "$(printf '%s\n' base dev-node dev-python dev-standard nvidia-hpc)"
exit $bad
