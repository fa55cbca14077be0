#!/bin/sh
# The commit that this tree is, and its time in seconds: "a29d086c1234 1795276309"; with a + where
# files have been changed since. Of a source archive, what `git archive` put in here. Nothing:
# unknown.
archived='$Format:%H %ct$'
cd "$(dirname "$0")/.." || exit 1
case $archived in
[0-9a-f]*)
	printf '%.12s %s\n' "${archived% *}" "${archived#* }"
	exit
	;;
esac
# not that of a repository around an unpacked archive
[ "$(git rev-parse --show-prefix 2>/dev/null || echo none)" = "" ] || exit 0
git diff --quiet HEAD 2>/dev/null || changed=+
git log -1 --abbrev=12 --format="%h${changed-} %ct" HEAD 2>/dev/null
exit 0
