# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# fetch.sh - packages of any Debian release, unpacked; sourced by the scripts named fetch
#
# They come from the archive that this machine's apt uses, with a state of its own: neither the
# machine's lists nor its packages change. First archive SUITE, then download or closure, then
# unpack. All of them fail if that is not to be had; the state goes with the script.
STATE=$(mktemp -d)
trap 'rm -rf "$STATE"' EXIT

# apt_get ARG... | apt_cache ARG...: of the release that archive named
in_state() {
	"$1" -qq -o Dir::Etc::sourcelist="$STATE/sources.list" -o Dir::Etc::sourceparts=- \
		-o Dir::State::lists="$STATE/lists" -o Dir::State::status="$STATE/status" \
		-o Dir::Cache="$STATE/cache" -o Debug::NoLocking=1 -o Acquire::Languages=none \
		-o APT::Install-Recommends=false -o APT::Sandbox::User=root "${@:2}"
}
apt_get() { in_state apt-get "$@" >"$STATE/said" 2>&1 </dev/null; }
apt_cache() { in_state apt-cache "$@"; }

# archive SUITE: its packages, and with its security updates if it is one that has some
archive() {
	local main security signed='[signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]'
	# shellcheck disable=SC2016 # apt's own word
	main=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' | grep -v security | head -n 1)
	# shellcheck disable=SC2016
	security=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' | grep security | head -n 1 || true)
	[ -n "$main" ] || return 1
	mkdir -p "$STATE/lists/partial" "$STATE/cache/archives/partial"
	: >"$STATE/status" # nothing is installed
	{
		echo "deb $signed $main $1 main"
		case $1 in
		*-backports) ;;
		*) [ -z "$security" ] || echo "deb $signed $security $1-security main" ;;
		esac
	} >"$STATE/sources.list"
	apt_get update
}

# download PACKAGE...: these and nothing else
download() (
	cd "$STATE/cache/archives" || exit
	apt_get download "$@"
)

# closure PACKAGE...: with all that they need
closure() { apt_get -y --download-only install "$@"; }

# unpack DIR [PATTERN]: what came, if PATTERN (extended, of whole package names) has it
unpack() {
	local deb name
	mkdir -p "$1"
	for deb in "$STATE"/cache/archives/*.deb; do
		name=${deb##*/}
		[[ ${name%%_*} =~ ^(${2:-.*})$ ]] || continue
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$1"
	done
}

# fetched: how much it was, for people
fetched() { du -ch "$STATE"/cache/archives/*.deb | sed -n 's/\ttotal$//p'; }
