#!/bin/sh
# The source archive, of the commit; what was changed since is not in it. Without git: nothing.
# usage: packaging/source.sh VERSION OUT
set -eu
[ "$(git rev-parse --show-prefix 2>/dev/null || echo none)" = "" ] || exit 0
git archive --format=tar --prefix="zctrace-$1/" HEAD | gzip -9n >"$2/zctrace-$1.tar.gz"
