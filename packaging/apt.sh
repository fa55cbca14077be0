#!/bin/sh
# Fetches Debian's packages and sources into a cache, without root and without touching the host's
# apt: with lists and a state of its own, from the mirrors and suites that the host's apt uses.
# usage: packaging/apt.sh CACHE update                  the lists, once a day
#        packaging/apt.sh CACHE deb ARCH PACKAGE…       CACHE/deb/PACKAGE_…_ARCH.deb
#        packaging/apt.sh CACHE source PACKAGE…         CACHE/source/PACKAGE_….dsc and what it names
#        packaging/apt.sh CACHE version PACKAGE…        "PACKAGE VERSION" of the sources there are
set -eu
cache=$1
what=$2
shift 2
mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial" "$cache/deb" "$cache/source"
cache=$(cd "$cache" && pwd)

cat >"$cache/apt/apt.conf" <<END
Dir::State::lists "$cache/apt/lists";
Dir::State::status "$cache/apt/status";
Dir::Cache "$cache/apt";
Dir::Etc::sourcelist "$cache/apt/sources.list";
Dir::Etc::sourceparts "-";
APT::Architectures { "amd64"; "arm64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
END
: >"$cache/apt/status"
export APT_CONFIG="$cache/apt/apt.conf"

sources() {
	APT_CONFIG='' apt-get indextargets \
		--format '$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)' |
		sort -u | while IFS='|' read -r origin uri suite component; do
		[ "$origin" = Debian ] || continue
		echo "deb $uri $suite $component"
		echo "deb-src $uri $suite $component"
	done
}

update() {
	[ -z "$(find "$cache/apt/updated" -mtime -1 2>/dev/null)" ] || return 0
	sources >"$cache/apt/sources.list"
	[ -s "$cache/apt/sources.list" ] || {
		echo "apt.sh: the host's apt knows no mirror of Debian" >&2
		exit 1
	}
	apt-get -q update >"$cache/apt/log" 2>&1 || {
		cat "$cache/apt/log" >&2
		exit 1
	}
	touch "$cache/apt/updated"
}

# The newest; a mirror may name what it does not hold, so of any suite after that.
fetch_source() {
	suites=$(sed -n 's/^deb-src [^ ]* \([^ ]*\) .*/\/\1/p' "$cache/apt/sources.list")
	for suite in '' $suites; do
		apt-get -q source --download-only "$1$suite" >>"$cache/apt/log" 2>&1 && return
	done
	tail -3 "$cache/apt/log" >&2
	return 1
}

case $what in
update) update ;;
deb)
	arch=$1
	shift
	cd "$cache/deb"
	for p in "$@"; do
		ls "${p}_"*"_$arch.deb" >/dev/null 2>&1 || apt-get -q download "$p:$arch" >/dev/null
	done
	;;
source)
	cd "$cache/source"
	for p in "$@"; do
		ls "${p}_"*.dsc >/dev/null 2>&1 || fetch_source "$p"
	done
	;;
version)
	cd "$cache/source"
	for p in "$@"; do
		sed -n "s/^Version: /$p /p" "${p}_"*.dsc
	done
	;;
esac
