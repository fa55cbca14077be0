#!/bin/sh
# Packs the program of one architecture: alone, as .tar.gz, as .deb. Equal input, equal octets.
# usage: packaging/pack.sh DIR ARCH MACHINE VERSION OUT
#        DIR has zctrace and libs/; SOURCE_DATE_EPOCH is in the environment
set -eu
dir=$1
arch=$2
machine=$3
version=$4
out=$5
name=zctrace-$version-linux-$machine
stage=$dir/stage
umask 022
mkdir -p "$out"
rm -rf "$stage"

# $1: root of the tree, $2: what make install is told
install_tree() {
	make -s install BINARY="$dir/zctrace" DESTDIR="$1" $2 >/dev/null
}

# Times of all files are those of the commit, owners root, the order that of names.
pack_tar() {
	tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
		--format=gnu -C "$stage" \
		-cf - "$1" | gzip -9n >"$out/$1.tar.gz"
}

install -m 755 "$dir/zctrace" "$out/$name"

# ---- to be unpacked anywhere: the program is on top
tree=$stage/$name
mkdir -p "$tree"
install_tree "$tree" prefix=
mv "$tree/bin/zctrace" "$tree/zctrace"
rmdir "$tree/bin"
cp README.md CHANGELOG.md "$tree"
cp "$dir/libs/versions" "$tree/share/doc/zctrace/versions"
cp -r "$dir/libs/licenses" "$tree/share/doc/zctrace/licenses"
(cd "$tree" && find . -type f ! -name SHA256SUMS -printf '%P\n' | LC_ALL=C sort |
	xargs sha256sum >SHA256SUMS)
pack_tar "$name"

# ---- Debian's
tree=$stage/deb
install_tree "$tree" 'prefix=/usr zshdir=/usr/share/zsh/vendor-completions'
doc=$tree/usr/share/doc/zctrace
gzip -9n "$tree/usr/share/man/man1/zctrace.1"
cp README.md CHANGELOG.md "$dir/libs/versions" "$doc"
{
	echo "zctrace is linked with the following libraries; their terms, as Debian tells them:"
	for f in "$dir"/libs/licenses/*; do
		printf '\n==== %s\n\n' "${f##*/}"
		cat "$f"
	done
} >"$doc/copyright"
mkdir "$tree/DEBIAN"
cat >"$tree/DEBIAN/control" <<END
Package: zctrace
Version: $version
Architecture: $arch
Maintainer: zctrace developers <zctrace@localhost>
Section: net
Priority: optional
Installed-Size: $(find "$tree" -type f -printf '%s\n' |
	awk '{ n += int(($1 + 1023) / 1024) } END { print n }')
Description: trace the HTTP and TLS of running programs, in the terminal
 Attaches eBPF probes to a process or a port, decodes HTTP/1, HTTP/2, gRPC and
 the cleartext of TLS, and shows spans, waterfalls and tables of rates, errors
 and durations. Nothing is restarted, nothing is changed. Statically linked.
END
find "$tree" -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +
dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" \
	"$out/zctrace_${version}_$arch.deb" >/dev/null
rm -rf "$stage"
