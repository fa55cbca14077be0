#!/bin/sh
# The libraries of the static program, for one architecture of Debian's: as archives of Debian's
# where they fit, and built from Debian's sources where they do not: libpcap without D-Bus, ncurses
# with terminal descriptions compiled in; capstone, zstd, libcurl, mbed TLS, libmicrohttpd with no
# more than is used.
# usage: packaging/libs.sh CACHE ARCH OUT    with CC, and SOURCE_DATE_EPOCH, in the environment
# Leaves OUT/include, OUT/lib, OUT/licenses and OUT/versions.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cache=$1
arch=$2
out=$3
debs='libbpf-dev libelf-dev zlib1g-dev libpcre2-dev libprotobuf-c-dev libnghttp2-dev'
sources='capstone libzstd libpcap ncurses mbedtls curl libmicrohttpd'
# of mbed TLS: what only servers, datagrams, peers of before TLS 1.2, and its own tests need
without_tls='SSL_SRV_C SSL_CACHE_C SSL_COOKIE_C SSL_TICKET_C SSL_PROTO_DTLS SSL_DTLS_ANTI_REPLAY
SSL_DTLS_HELLO_VERIFY SSL_DTLS_CLIENT_PORT_REUSE SSL_DTLS_BADMAC_LIMIT SSL_CONTEXT_SERIALIZATION
SSL_PROTO_TLS1 SSL_PROTO_TLS1_1 SSL_CBC_RECORD_SPLITTING SSL_FALLBACK_SCSV SSL_TRUNCATED_HMAC
KEY_EXCHANGE_PSK_ENABLED KEY_EXCHANGE_DHE_PSK_ENABLED KEY_EXCHANGE_ECDHE_PSK_ENABLED
KEY_EXCHANGE_RSA_PSK_ENABLED ARC4_C BLOWFISH_C CAMELLIA_C XTEA_C RIPEMD160_C DEBUG_C SELF_TEST
CERTS_C VERSION_FEATURES PSA_CRYPTO_C PSA_CRYPTO_STORAGE_C PSA_ITS_FILE_C X509_CSR_PARSE_C
X509_CREATE_C X509_CRT_WRITE_C X509_CSR_WRITE_C'
terminals='xterm,xterm-256color,screen,screen-256color,tmux,tmux-256color,linux,vt100,vt220,dumb'
terminals="$terminals,ansi,alacritty,kitty,foot,rxvt-unicode-256color,putty,st-256color"
described=/etc/terminfo:/lib/terminfo:/usr/share/terminfo:/usr/local/share/terminfo

rm -rf "$out"
mkdir -p "$out/include" "$out/lib" "$out/licenses" "$out/src" "$out/debs"
out=$(cd "$out" && pwd)
export CFLAGS="-O2 -ffunction-sections -fdata-sections -ffile-prefix-map=$out/src=."
small="$CFLAGS -Os -fno-asynchronous-unwind-tables"

"$here/apt.sh" "$cache" update
# shellcheck disable=SC2086
"$here/apt.sh" "$cache" deb "$arch" $debs
# shellcheck disable=SC2086
"$here/apt.sh" "$cache" source $sources
cache=$(cd "$cache" && pwd)

for p in $debs; do
	deb=$(ls -t "$cache/deb/${p}_"*"_$arch.deb" | head -1)
	dpkg-deb -x "$deb" "$out/debs"
	dpkg-deb -f "$deb" Package Version | sed 's/.*: //' | paste -sd' ' >>"$out/versions"
	cp -L "$out/debs/usr/share/doc/$p/copyright" "$out/licenses/$p"
done
cp -a "$out"/debs/usr/include/. "$out/include"
for lib in bpf elf z pcre2-8 protobuf-c nghttp2; do
	cp -L "$(find "$out/debs" -name "lib$lib.a")" "$out/lib"
done
# headers of an architecture's own may lie a level deeper
for d in "$out"/include/*-linux-gnu; do
	[ ! -d "$d" ] || cp -a "$d/." "$out/include"
done

for p in $sources; do
	dsc=$(ls -t "$cache/source/${p}_"*.dsc | head -1)
	dpkg-source --no-check -x "$dsc" "$out/src/$p" >/dev/null 2>&1
	sed -n "s/^Version: /$p /p" "$dsc" >>"$out/versions"
	cp "$out/src/$p/debian/copyright" "$out/licenses/$p"
done
for c in "$CC" "${CLANG:-clang}"; do
	"$c" --version | sed -n 's/^/built by /p;q' >>"$out/versions"
done

host=$("$CC" -dumpmachine)
tool() { # ar, ranlib
	"$CC" -print-prog-name="$1"
}

cd "$out/src/capstone"
make -s CAPSTONE_ARCHS=x86 CAPSTONE_SHARED=no CAPSTONE_STATIC=yes CC="$CC" AR="$(tool ar)" \
	RANLIB="$(tool ranlib)" CFLAGS="$CFLAGS -fPIC -Iinclude -DCAPSTONE_USE_SYS_DYN_MEM \
	-DCAPSTONE_HAS_X86 -DCAPSTONE_X86_ATT_DISABLE" libcapstone.a >log 2>&1 ||
	{ tail "$PWD/log"; exit 1; }
cp libcapstone.a "$out/lib"
cp -r include/capstone "$out/include"

# it unpacks only, and nothing of before zstd 0.8
cd "$out/src/libzstd/lib"
make -s libzstd.a CC="$CC" AR="$(tool ar)" CFLAGS="$CFLAGS -fno-asynchronous-unwind-tables" \
	ZSTD_LIB_COMPRESSION=0 ZSTD_LIB_DICTBUILDER=0 ZSTD_LEGACY_SUPPORT=0 >log 2>&1 ||
	{ tail "$PWD/log"; exit 1; }
cp libzstd.a "$out/lib"
cp zstd*.h "$out/include"

cd "$out/src/libpcap"
CFLAGS=$small ./configure --host="$host" --disable-shared --disable-dbus --disable-rdma \
	--disable-usb --disable-bluetooth --without-libnl --without-dag --without-snf \
	--without-turbocap --without-dpdk >log 2>&1 &&
	make -s libpcap.a >>log 2>&1 || { tail "$PWD/log"; exit 1; }
cp libpcap.a "$out/lib"
cp -r pcap.h pcap "$out/include"

cd "$out/src/mbedtls"
scripts/config.py set MBEDTLS_THREADING_C
scripts/config.py set MBEDTLS_THREADING_PTHREAD
for option in $without_tls; do
	scripts/config.py unset "MBEDTLS_$option"
done
make -s -C library CC="$CC" AR="$(tool ar)" CFLAGS="$small" static >log 2>&1 ||
	{ tail "$PWD/log"; exit 1; }
cp library/libmbed*.a "$out/lib"
cp -r include/mbedtls include/psa "$out/include"

# HTTP to a collector, and gRPC, with TLS: nothing else
cd "$out/src/curl"
CFLAGS=$small ./configure --host="$host" --disable-shared --enable-static --with-mbedtls \
	--with-nghttp2 \
	--with-ca-bundle=/etc/ssl/certs/ca-certificates.crt --without-zlib --without-brotli \
	--without-zstd --without-libpsl --without-libidn2 --without-librtmp --without-libssh2 \
	--without-libgsasl --disable-ldap --disable-ftp --disable-file --disable-dict \
	--disable-telnet --disable-tftp --disable-pop3 --disable-imap --disable-smb \
	--disable-smtp --disable-gopher \
	--disable-mqtt --disable-rtsp --disable-manual --disable-ntlm --disable-cookies \
	--disable-verbose --disable-progress-meter --disable-doh --disable-get-easy-options \
	--disable-mime --disable-aws --disable-tls-srp --disable-dateparse \
	--disable-alt-svc --disable-hsts --disable-netrc --disable-unix-sockets \
	PKG_CONFIG=false CPPFLAGS="-I$out/include" LDFLAGS="-L$out/lib" \
	LIBS="-lmbedtls -lmbedx509 -lmbedcrypto" >log 2>&1 &&
	make -s -C lib libcurl.la >>log 2>&1 || { tail "$PWD/log"; exit 1; }
cp lib/.libs/libcurl.a "$out/lib"
cp -r include/curl "$out/include"

cd "$out/src/libmicrohttpd"
CFLAGS=$small ./configure --host="$host" --disable-shared --enable-static --disable-https \
	--disable-curl --disable-doc --disable-examples --disable-tools --disable-postprocessor \
	--disable-dauth --disable-bauth --disable-httpupgrade --disable-messages >log 2>&1 &&
	make -s -C src/microhttpd libmicrohttpd.la >>log 2>&1 || { tail "$PWD/log"; exit 1; }
cp src/microhttpd/.libs/libmicrohttpd.a "$out/lib"
cp src/include/microhttpd.h "$out/include"

# what describes terminals is read on the host as well, where it is there
cd "$out/src/ncurses"
CFLAGS=$small ./configure --host="$host" --with-build-cc=cc --enable-widec --without-shared \
	--without-debug \
	--without-ada --without-cxx --without-cxx-binding --without-manpages --without-progs \
	--without-tests --disable-stripping --with-fallbacks="$terminals" \
	--with-terminfo-dirs="$described" \
	--with-default-terminfo-dir=/usr/share/terminfo --disable-db-install \
	--without-gpm >log 2>&1 &&
	make -s libs >>log 2>&1 || { tail "$PWD/log"; exit 1; }
cp lib/libncursesw.a "$out/lib"
cp include/curses.h include/term.h include/ncurses_dll.h include/unctrl.h "$out/include"
rm -rf "$out/src" "$out/debs"
