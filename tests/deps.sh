#!/bin/sh
# Installs what is missing, by asking apt.
# usage: tests/deps.sh build|demo|check|slow|fuzz|kernels|bench|dist|dist-check
# Prints nothing when everything is there.
set -eu

# package:how to see that it is there (a command, a pkg-config module, a shared library, or a file)
build="clang:clang llvm:llvm-strip gcc:gcc make:make zstd:zstd pkg-config:pkg-config
libbpf-dev:pc=libbpf libelf-dev:pc=libelf libncurses-dev:pc=ncursesw
libpcre2-dev:pc=libpcre2-8 libpcap-dev:pc=libpcap
libcapstone-dev:pc=capstone zlib1g-dev:pc=zlib libzstd-dev:pc=libzstd
libprotobuf-c-dev:pc=libprotobuf-c protobuf-c-compiler:protoc-c libcurl4-openssl-dev:pc=libcurl
libmicrohttpd-dev:pc=libmicrohttpd
libc6-dev:/usr/include/stdio.h linux-libc-dev:/usr/include/linux/bpf.h"
demo="$build nginx-light:nginx python3:python3 curl:curl redis-server:redis-server
redis-tools:redis-cli"
bench="$build nginx-light:nginx python3:python3 wrk:wrk nghttp2-client:h2load
nghttp2-server:nghttpd tcpdump:tcpdump
tshark:tshark bpftool:bpftool openssl:openssl binutils:readelf valgrind:valgrind
postgresql:psql redis-server:redis-server redis-tools:redis-benchmark"
check="$demo wrk:wrk nghttp2-client:h2load nghttp2-server:nghttpd nghttp2-proxy:nghttpx
haproxy:haproxy caddy:caddy nodejs:node tshark:tshark tcpdump:tcpdump
golang-go:go nftables:nft jq:jq mandoc:mandoc socat:socat zsh:zsh fish:fish
bash-completion:/usr/share/bash-completion/bash_completion
iproute2:ip bpftool:bpftool libnghttp2-dev:pc=libnghttp2 tmux:tmux
libnginx-mod-stream:/usr/lib/nginx/modules/ngx_stream_module.so
openssl:openssl libssl-dev:pc=libssl apache2:apache2 gnutls-bin:gnutls-serv wget:wget
lighttpd:lighttpd
lighttpd-mod-mbedtls:/usr/lib/lighttpd/mod_mbedtls.so
lighttpd-mod-wolfssl:/usr/lib/lighttpd/mod_wolfssl.so
lighttpd-mod-nss:/usr/lib/lighttpd/mod_nss.so
lighttpd-mod-gnutls:/usr/lib/lighttpd/mod_gnutls.so libcurl3-gnutls:lib=libcurl-gnutls.so.4
dnsmasq-base:dnsmasq bind9-dnsutils:dig
postgresql:psql pgbouncer:pgbouncer
memcached:memcached php-cgi:php-cgi mosquitto:mosquitto
rabbitmq-server:/usr/lib/rabbitmq/bin/rabbitmq-server
mariadb-server:mariadbd mariadb-client:mariadb default-jdk-headless:javac"
# the run time of clang's fuzzers has the number of clang in its name
clang=$(clang -dumpversion 2>/dev/null | cut -d. -f1)
runtime=$(clang -print-runtime-dir 2>/dev/null) || :
fuzz="$check libclang-rt-${clang:-14}-dev:$runtime/libclang_rt.fuzzer-$(uname -m).a"
slow="$build python3:python3 default-jdk-headless:javac maven:mvn golang-go:go
prometheus:prometheus iproute2:ip"
dist="$build python3:python3 git:git flex:flex bison:bison dpkg-dev:dpkg-source
libncurses-dev:pc=ncursesw
gcc-aarch64-linux-gnu:aarch64-linux-gnu-gcc
libc6-dev-arm64-cross:/usr/aarch64-linux-gnu/include/stdio.h
linux-libc-dev-arm64-cross:/usr/aarch64-linux-gnu/include/linux/bpf.h"
dist_check="$dist curl:curl qemu-user-static:qemu-aarch64-static
qemu-user-static:qemu-x86_64-static mmdebstrap:mmdebstrap
busybox-static:busybox binutils:readelf"
kernels="$dist nginx-light:nginx python3:python3 curl:curl openssl:openssl golang-go:go
qemu-system-x86:qemu-system-x86_64 qemu-system-arm:qemu-system-aarch64 mmdebstrap:mmdebstrap
busybox-static:busybox cpio:cpio xz-utils:xz
debian-archive-keyring:/usr/share/keyrings/debian-archive-keyring.gpg"

there() {
	case $1 in
	lib=*) PATH=$PATH:/usr/sbin:/sbin ldconfig -p | grep -qwF "${1#lib=}" ;;
	pc=*) pkg-config --exists "${1#pc=}" 2>/dev/null ;;
	/*) [ -e "$1" ] ;;
	*) PATH=$PATH:/usr/sbin:/sbin command -v "$1" >/dev/null 2>&1 ;;
	esac
}

eval "list=\${$(echo "$1" | tr - _)}"
missing=
for entry in $list; do
	there "${entry#*:}" || missing="$missing ${entry%%:*}"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	echo "missing packages:$missing (install them, or run this as root on Debian or Ubuntu)" >&2
	exit 1
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq >/dev/null 2>&1 || true
# a package that starts a service of its own must not
if [ ! -e /usr/sbin/policy-rc.d ]; then
	printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
	chmod +x /usr/sbin/policy-rc.d
	trap 'rm -f /usr/sbin/policy-rc.d' EXIT
fi
# shellcheck disable=SC2086
apt-get install -y -qq --no-install-recommends $missing >/tmp/zctrace-deps.$$ 2>&1 || {
	tail -5 /tmp/zctrace-deps.$$ >&2
	exit 1
}
rm -f /tmp/zctrace-deps.$$
