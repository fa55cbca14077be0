#!/usr/bin/env python3
"""Where TLS functions are in real files: against nm, readelf and objdump, of unstripped twins."""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys

import chain
from disasm import Binary, output
from h2tools import python_packages
from lib import ROOT, Skip, main, need, test

SCAN = os.path.join(ROOT, 'build', 'asan', 'tlsbin', 'scan')
SCAN_FAST = os.path.join(ROOT, 'build', 'o', 'tlsbin', 'scan')

# numbers of enum zc_tls_func
(READ, READ_EX, WRITE, WRITE_EX, WRITE_EX2, SENDFILE, FREE, PUSH, ERROR, ERROR_PUT, GO_READ,
 GO_WRITE) = range(1, 13)
OPENSSL = {
    'SSL_read': READ, 'SSL_read_ex': READ_EX, 'SSL_read_early_data': READ_EX,
    'SSL_write': WRITE, 'SSL_write_ex': WRITE_EX, 'SSL_write_ex2': WRITE_EX2,
    'SSL_write_early_data': WRITE_EX, 'SSL_sendfile': SENDFILE, 'SSL_free': FREE,
    'SSL_do_handshake': PUSH, 'SSL_connect': PUSH, 'SSL_accept': PUSH, 'ERR_vset_error': ERROR}
GNUTLS = {
    'gnutls_record_recv': READ, 'gnutls_record_recv_seq': READ, 'gnutls_record_send': WRITE,
    'gnutls_record_send2': WRITE, 'gnutls_deinit': FREE, 'gnutls_handshake': PUSH}
GO = {'crypto/tls.(*Conn).Read': GO_READ, 'crypto/tls.(*Conn).Write': GO_WRITE,
      'crypto/tls.(*Conn).handshakeContext': PUSH, 'crypto/tls.(*Conn).Close': FREE}

Lib = collections.namedtuple('Lib',
                             'how version missing points')  # points: {offset: (func, is_return)}


def scan(t, path, *args, binary=SCAN):
    """(result, {library: Lib}, microseconds)"""
    p = t.run([binary, *args, path])
    t.equal((p.returncode, p.stderr), (0, ''), f'{os.path.basename(path)}: the scanner')
    result, libs, us = None, {}, 0
    for line in p.stdout.splitlines():
        kind, rest = line.split(' ', 1)
        if kind == 'file':
            result, us = (int(x) for x in rest.rsplit(' ', 2)[1:])
        elif kind == 'lib':
            name, about = rest.split(' ', 1)
            libs[name] = last = Lib(*about.split('|'), {})
        else:
            offset, func, is_return = rest.split()
            last.points[int(offset, 16)] = (int(func), int(is_return))
    return result, libs, us


def expected(b):
    """Points of OpenSSL; with SSL_write_ex2, ssl_write_internal has its arguments."""
    write = (('SSL_write', 'SSL_write_ex2'), WRITE_EX2) if 'SSL_write_ex2' in b.va else (
        ('SSL_write', 'SSL_write_ex'), WRITE_EX)
    return b.places(OPENSSL, ((('SSL_read', 'SSL_read_ex'), READ_EX), write),
                    [('SSL_write_ex', 'SSL_write_ex2')])


def library(name):
    found = glob.glob(f'/usr/lib/*-linux-gnu/{name}') + glob.glob(f'/usr/lib64/{name}')
    if not found:
        raise Skip(f'no {name} here')
    return os.path.realpath(found[0])


@test
def shared(t):
    """libssl, libcrypto and libgnutls of this system: as nm -D and objdump say"""
    for name, lib in (('libssl.so.3', 'openssl'), ('libcrypto.so.3', 'openssl'),
                      ('libgnutls.so.30', 'gnutls')):
        path = library(name)
        b = Binary(path, dynamic=True)
        result, libs, _ = scan(t, path)
        t.equal((result, list(libs)), (1, [lib]), name)
        want = expected(b) if lib == 'openssl' else b.places(
            GNUTLS, forwards=[('gnutls_record_send', 'gnutls_record_send2')])
        t.equal(libs[lib].points, want, f'{name}: points')
        t.equal((libs[lib].how, libs[lib].missing), ('dynamic symbols', ''), name)
    t.check(re.fullmatch(r'GnuTLS \d+\.\d+\.\d+', libs['gnutls'].version), libs['gnutls'].version)
    crypto = scan(t, library('libcrypto.so.3'))[1]['openssl']
    if shutil.which('openssl'):
        version = output('openssl', 'version')
        t.check(version.split('(Library: ')[-1].startswith(crypto.version) and crypto.version,
                f'{crypto.version!r} is not in {version!r}')


@test
def node(t):
    """Node, which exports its OpenSSL: as nm -D and objdump say, in less than 30 ms"""
    need('node')
    path = os.path.realpath(shutil.which('node'))
    b = Binary(path, dynamic=True)
    if 'SSL_read' not in b.va:
        raise Skip('node here has no OpenSSL of its own')
    result, libs, us = scan(t, path, '-r', '3', binary=SCAN_FAST)
    t.equal((result, list(libs)), (1, ['openssl']), 'libraries')
    t.equal(libs['openssl'].points, expected(b), 'points')
    version = output(path, '-p', 'process.versions.openssl').strip()
    t.equal(libs['openssl'].version, f'OpenSSL {version}', 'version')
    t.between(0, us, 30000, 'µs')


@test
def without(t):
    """programs that only import TLS functions, wrappers with the same names, scripts"""
    for name in ('bash', 'curl', 'cat'):
        if shutil.which(name):
            t.equal(scan(t, os.path.realpath(shutil.which(name)))[:2], (0, {}), name)
    for path in glob.glob('/usr/lib/*-linux-gnu/libgnutls-openssl.so.*'):
        t.equal(scan(t, path)[:2], (0, {}), path)
    t.equal(scan(t, t.file('script', '#!/bin/sh\n'))[0], -8, 'a script')
    t.equal(scan(t, t.file('empty', ''))[0], -8, 'an empty file')


# ---- Go

GO_SERVER = '''package main

import (
	"net/http"
	"os"
)

func main() {
	http.ListenAndServeTLS(os.Args[1], os.Args[2], os.Args[3], nil)
}
'''


def go_build(t, name, *args, cgo='0', arch=None):
    out = t.path(name)
    p = t.run(['go', 'build', '-o', out, *args, '.'], cwd=t.tmp, env={
        **os.environ, 'GOTOOLCHAIN': 'local', 'GOFLAGS': '-mod=mod', 'CGO_ENABLED': cgo,
        **({'GOARCH': arch} if arch else {})})
    if p.returncode:
        raise Skip(f'go build does not work here: {p.stderr.strip()[-200:]}')
    return out


def go_expected(path, arm64=False):
    """Points by go tool nm and objdump, and where the stack check jumps by objdump."""
    b, points, kind = Binary(path, arm64=arm64), {}, None
    for line in output('go', 'tool', 'nm', path).splitlines():
        address, _, name = line.strip().partition(' ')
        name = name.split(' ', 1)[-1]
        if name in GO:
            va = int(address, 16)
            points[b.offset(va) if GO[name] == FREE else b.go_place(va)] = (GO[name], 0)
    for line in output('go', 'tool', 'objdump', '-s',
                       r'^crypto/tls\.\(\*Conn\)\.(Read|Write|handshakeContext)$',
                       path).splitlines():
        m = re.match(r'TEXT (crypto/tls\.\(\*Conn\)\.\w+)', line)
        if m:
            kind = GO[m.group(1)]
        m = re.match(r'\s+\S+:\d+\s+0x([0-9a-f]+)\s+\S+\s+RET\b', line)
        if m:
            points[b.offset(int(m.group(1), 16))] = (kind, 1)
    return points


@test
def go(t):
    """Go: with symbols, stripped, PIE, linked by another linker, without sections"""
    need('go')
    t.file('main.go', GO_SERVER)
    t.file('go.mod', 'module m\ngo 1.18\n')
    version = re.search(r'go\d[\w.]*', output('go', 'version')).group(0)
    kinds = [('plain', [], '0'), ('pie', ['-buildmode=pie'], '0')]
    if shutil.which('gcc'):
        # the build id is in the text's beginning and would differ
        kinds += [('external', ['-ldflags=-linkmode=external -buildid='], '1')]
        kinds += [('external-pie', ['-buildmode=pie', '-ldflags=-linkmode=external -buildid='],
                   '1')]
    for name, args, cgo in kinds:
        path = go_build(t, name, *args, cgo=cgo)
        want = go_expected(path)
        t.check(len(want) > 10, f'{name}: {len(want)} points by go tool')
        result, libs, _ = scan(t, path)
        t.equal((result, list(libs)), (1, ['go']), name)
        t.equal((libs['go'].how, libs['go'].version), ('symbols', version), name)
        t.equal(libs['go'].points, want, f'{name}: points')
        stripped = t.path(name + '-stripped')
        subprocess.run(['strip', '-o', stripped, path], check=True)
        libs = scan(t, stripped)[1]
        t.equal((libs['go'].how, libs['go'].version), ('gopclntab', version), f'{name}, stripped')
        t.equal(libs['go'].points, want, f'{name}, stripped: points')
        libs = scan(t, without_sections(t, stripped))[1]
        t.equal((libs['go'].version, libs['go'].points), (version, want),
                f'{name}, without sections')
    linked = scan(t, go_build(t, 's-w', '-ldflags=-s -w'))[1]['go']
    t.equal(linked.how, 'gopclntab', 'linked without symbols')
    # the same code at the same addresses as in the twin
    t.equal(linked.points, go_expected(t.path('plain')), 'linked without symbols: points')


@test
def go_arm64(t):
    """Go for arm64: with symbols and stripped, as go tool nm and objdump say"""
    need('go', 'aarch64-linux-gnu-objdump')
    t.file('main.go', GO_SERVER)
    t.file('go.mod', 'module m\ngo 1.18\n')
    path = go_build(t, 'arm64', arch='arm64')
    want = go_expected(path, arm64=True)
    t.check(len(want) > 10, f'{len(want)} points by go tool')
    t.equal(scan(t, path)[1]['go'].points, want, 'points')
    b = Binary(path, arm64=True)
    t.check(any(o != b.first(n) for n in GO for o in [b.go_place(b.va[n])] if n in b.va),
            'a check of the stack')
    stripped = t.path('stripped')
    subprocess.run(['aarch64-linux-gnu-strip', '-o', stripped, path], check=True)
    lib = scan(t, stripped)[1]['go']
    t.equal((lib.how, lib.points), ('gopclntab', want), 'stripped')


@test
def go_tables(t):
    """tables of functions of Go 1.17, 1.18 and 1.20, whose text's start is here or there"""
    # tests/fuzz/corpus: four functions of 64 octets from 0x400 on, the first is none of crypto/tls
    want = {0x440: (GO_READ, 0), 0x44c: (GO_READ, 1), 0x457: (GO_READ, 1), 0x480: (GO_WRITE, 0),
            0x48c: (GO_WRITE, 1), 0x497: (GO_WRITE, 1), 0x4c0: (FREE, 0)}
    for name, version in (('go117', 'go1.17.3'), ('go118', 'go1.22.1'), ('go120', 'go1.22.1'),
                          ('go120-pie', 'go1.22.1')):
        path = os.path.join(ROOT, 'tests', 'fuzz', 'corpus', 'tlsbin', name)
        lib = scan(t, path)[1].get('go')
        if t.check(lib, f'{name}: recognised'):
            t.equal((lib.how, lib.version, lib.points), ('gopclntab', version, want), name)
    with open(path, 'rb') as f:
        old = f.read().replace(b'go1.22.1', b'go1.16.9')
    lib = scan(t, t.file('go116', old))[1]['go']
    t.equal(lib.points, {}, 'go1.16.9: arguments on the stack')
    t.check('rebuild with Go 1.17 or later' in lib.missing, lib.missing)


@test
def go_without_tls(t):
    """a Go program without crypto/tls"""
    need('go')
    t.file('main.go', 'package main\nfunc main() { println("hello") }\n')
    t.file('go.mod', 'module m\ngo 1.18\n')
    t.equal(scan(t, go_build(t, 'hello'))[:2], (0, {}), 'libraries')


def without_sections(t, path):
    with open(path, 'rb') as f:
        data = bytearray(f.read())
    data[0x28:0x30] = bytes(8)  # e_shoff
    data[0x3c:0x40] = bytes(4)  # e_shnum, e_shstrndx
    return t.file(os.path.basename(path) + '-nosections', bytes(data))


# ---- static code without symbols

SSL_PROGRAM = r'''
#include <openssl/ssl.h>
int main(int argc, char **argv)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	SSL *s = SSL_new(ctx);
	char buf[100];
	size_t n;
	(void)argv;
	SSL_set_fd(s, 0);
	SSL_accept(s);
	if (argc > 1)
		return SSL_read_ex(s, buf, sizeof(buf), &n) + SSL_write_ex(s, buf, sizeof(buf), &n);
	SSL_read(s, buf, sizeof(buf));
	SSL_write(s, buf, sizeof(buf));
	SSL_free(s);
	return 0;
}
'''


def covers(t, lib, b, what):
    """What pattern search found, against the symbols of the twin: right, and all that matters."""
    allowed = {'SSL_read': READ, 'ssl_read_internal': READ_EX, 'SSL_read_ex': READ_EX,
               'SSL_write': WRITE, 'SSL_write_ex': WRITE_EX, 'SSL_sendfile': SENDFILE,
               'SSL_free': FREE, 'SSL_do_handshake': PUSH, 'SSL_connect': PUSH, 'SSL_accept': PUSH,
               'ERR_vset_error': ERROR, 'ERR_set_error': ERROR, 'ERR_put_error': ERROR_PUT}
    names, found = b.names(), set()
    for offset, (func, _) in lib.points.items():
        name = next((n for n in names[offset] if allowed.get(n) == func), None)
        if name is None and 'ssl_write_internal' in names[offset]:
            # its arguments: flags came with SSL_write_ex2
            name = 'ssl_write_internal'
            t.equal(func, WRITE_EX2 if 'SSL_write_ex2' in b.va else WRITE_EX, f'{what}: {name}')
        t.check(name, f'{what}: point {offset:x} of kind {func} is {sorted(names[offset])}')
        found.add(func)
    t.equal((lib.how, lib.missing), ('pattern', ''), what)
    t.check(found & {READ, READ_EX} and found & {WRITE, WRITE_EX, WRITE_EX2} and
            found >= {FREE, PUSH} and found & {ERROR, ERROR_PUT}, f'{what}: found only {found}')


@test
def static_openssl(t):
    """OpenSSL 3 linked statically and stripped, as PIE and as static executable"""
    need('cc', 'strip')
    source = t.file('p.c', SSL_PROGRAM)
    for name, args in (('pie', []), ('static', ['-static'])):
        path = t.path(name)
        p = t.run(['cc', '-w', '-O2', *args, '-o', path, source, '-l:libssl.a', '-l:libcrypto.a',
                   '-ldl',
                   '-lpthread'])
        if p.returncode:
            raise Skip(f'no static OpenSSL here: {p.stderr.strip()[-200:]}')
        b = Binary(path)
        libs = scan(t, path)[1]
        t.equal(libs['openssl'].how, 'symbols', f'{name}: with symbols')
        t.equal(libs['openssl'].points, expected(b), f'{name}: with symbols')
        inner = {b.first(n) for n in ('ssl_read_internal', 'ssl_write_internal')}
        t.check(b.cheap(b.va['SSL_read']) or inner <= set(libs['openssl'].points),
                f'{name}: the internal functions')
        stripped = t.path(name + '-stripped')
        subprocess.run(['strip', '-o', stripped, path], check=True)
        covers(t, scan(t, stripped)[1]['openssl'], b, name)


def arm64_packages(t, *names):
    """Debian's packages for arm64, unpacked."""
    need('aarch64-linux-gnu-objdump', 'dpkg-deb')
    apt = [os.path.join(ROOT, 'packaging', 'apt.sh'), os.path.expanduser('~/.cache/zctrace-dist')]
    for args in (['update'], ['deb', 'arm64', *names]):
        p = t.run([*apt, *args])
        if p.returncode:
            raise Skip(f'no packages for arm64: {p.stderr.strip()[-200:]}')
    for name in names:
        subprocess.run(['dpkg-deb', '-x', glob.glob(f'{apt[1]}/deb/{name}_*_arm64.deb')[0],
                        t.path('arm64')], check=True)
    return t.path('arm64')


@test
def shared_arm64(t):
    """libssl and libgnutls for arm64: as nm -D and objdump say, and ssl_read_internal for both that
    call it"""
    root = arm64_packages(t, 'libssl3', 'libgnutls30')
    for name, lib in (('libssl.so.3', 'openssl'), ('libgnutls.so.30', 'gnutls')):
        path = os.path.realpath(glob.glob(f'{root}/**/{name}', recursive=True)[0])
        b = Binary(path, dynamic=True, arm64=True)
        result, libs, _ = scan(t, path)
        t.equal((result, list(libs)), (1, [lib]), name)
        want = expected(b) if lib == 'openssl' else b.places(
            GNUTLS, forwards=[('gnutls_record_send', 'gnutls_record_send2')])
        t.equal(libs[lib].points, want, f'{name}: points')
        if lib == 'openssl':
            inner = {b.offset(b.common(b.va[f'SSL_{n}'], b.va[f'SSL_{n}_ex']))
                     for n in ('read', 'write')}
            t.check(inner <= set(libs[lib].points), 'the internal functions')


@test
def static_openssl_arm64(t):
    """OpenSSL 3 for arm64, linked statically and stripped"""
    need('aarch64-linux-gnu-gcc', 'aarch64-linux-gnu-strip')
    root = arm64_packages(t, 'libssl-dev')
    include = f'{root}/usr/include'
    path, source = t.path('static'), t.file('p.c', SSL_PROGRAM)
    p = t.run(['aarch64-linux-gnu-gcc', '-w', '-O2', '-static', f'-I{include}',
               f'-I{include}/aarch64-linux-gnu',
               '-o', path, source, f'-L{root}/usr/lib/aarch64-linux-gnu', '-lssl', '-lcrypto'])
    if p.returncode:
        raise Skip(f'no static OpenSSL for arm64: {p.stderr.strip()[-200:]}')
    b = Binary(path, arm64=True)
    libs = scan(t, path)[1]
    t.equal(libs['openssl'].points, expected(b), 'with symbols')
    inner = {b.first(n) for n in ('ssl_read_internal', 'ssl_write_internal')}
    t.check(inner <= set(libs['openssl'].points), 'the internal functions')
    stripped = t.path('stripped')
    subprocess.run(['aarch64-linux-gnu-strip', '-o', stripped, path], check=True)
    covers(t, scan(t, stripped)[1]['openssl'], b, 'stripped')


def package_file(t, package, pattern):
    where = python_packages(t, package, '--no-deps')
    found = glob.glob(os.path.join(where, '**', pattern), recursive=True)
    if not found or 'SSL_read' not in Binary(found[0]).va:
        raise Skip(f'{package}: no {pattern} with symbols to compare with')
    return found[0]


def compare_stripped(t, lib, package, pattern):
    need('strip', 'nm')
    path = package_file(t, package, pattern)
    stripped = t.path('stripped')
    subprocess.run(['strip', '-o', stripped, path], check=True)
    return path, scan(t, stripped)[1].get(lib)


@test
def static_openssl_1(t):
    """OpenSSL 1.1.1 in cryptography 36, stripped, against its symbols"""
    path, lib = compare_stripped(t, 'openssl', 'cryptography==36.0.2', '_openssl.abi3.so')
    if t.check(lib, 'recognised'):
        covers(t, lib, Binary(path), 'cryptography')
        t.equal(scan(t, path)[1]['openssl'].points, {
            **expected(Binary(path)), Binary(path).first('ERR_put_error'): (ERROR_PUT, 0)},
                'by its symbols')
        t.check(lib.version.startswith('OpenSSL 1.1.1'), lib.version)


@test
def static_openssl_new(t):
    """OpenSSL in cryptography 50, whose ssl_write_internal has flags, stripped, against its
    symbols"""
    path, lib = compare_stripped(t, 'openssl', 'cryptography==50.0.2', '_rust.abi3.so')
    if t.check(lib, 'recognised'):
        covers(t, lib, Binary(path), 'cryptography')
        t.equal(scan(t, path)[1]['openssl'].points, expected(Binary(path)), 'by its symbols')


@test
def static_boringssl(t):
    """BoringSSL in curl_cffi, stripped, against its symbols"""
    path, lib = compare_stripped(t, 'boringssl', 'curl_cffi==0.17.0', '_wrapper.abi3.so')
    if not t.check(lib, 'recognised'):
        return
    b = Binary(path)
    want = b.places({'SSL_read': READ, 'SSL_write': WRITE, 'SSL_do_handshake': PUSH,
                     'ERR_put_error': ERROR_PUT})
    free = {o: p for o, p in lib.points.items() if p[0] == FREE}
    t.equal({o: p for o, p in lib.points.items() if p[0] != FREE}, want, 'points')
    t.equal(len(free), 1, 'where streams end')
    # the destructor, which SSL_free calls
    code = output('objdump', '-d', '--no-show-raw-insn', '--disassemble=SSL_free', path)
    called = {b.offset(int(a, 16)) for a in re.findall(r'(?:call|jmp)\s+([0-9a-f]+) <', code)}
    t.check(set(free) <= called | {b.first('SSL_free')},
            f'{free} is not what SSL_free calls: {called}')
    named = scan(t, path)[1]['boringssl']
    t.equal((named.how, named.points[b.first('SSL_free')]), ('symbols', (FREE, 0)),
            'by its symbols')


@test
def envoy(t):
    """Envoy's BoringSSL, 100 MB and stripped: each function once, in less than 300 ms"""
    path = chain._envoy_binary()
    result, libs, us = scan(t, path, '-r', '2', binary=SCAN_FAST)
    t.equal((result, list(libs)), (1, ['boringssl']), 'libraries')
    lib = libs['boringssl']
    kinds = collections.Counter(func for func, _ in lib.points.values())
    t.equal((kinds[READ], kinds[WRITE], kinds[FREE], kinds[ERROR_PUT]), (1, 1, 1, 1), 'kinds')
    t.between(1, kinds[PUSH], 3, 'handshakes')
    t.between(0, us, 300000, 'µs')
    # where a function begins, by the unwind table
    starts = unwind_starts(path)
    for offset in lib.points:
        t.check(offset in starts, f'no function begins at {offset:x}')


def unwind_starts(path):
    """File offsets at which .eh_frame_hdr says that a function begins."""
    with open(path, 'rb') as f:
        data = f.read()
    line = next(l for l in output('readelf', '-lW', path).splitlines() if 'GNU_EH_FRAME' in l)
    off, va = (int(x, 16) for x in line.split()[1:3])
    convert = Binary(path, dynamic=True).offset
    n = int.from_bytes(data[off + 8:off + 12], 'little')
    at = (int.from_bytes(data[off + 12 + 8 * i:off + 16 + 8 * i], 'little', signed=True) + va
          for i in range(n))
    return {convert(a) for a in at}


@test
def given(t):
    """addresses that a user gives come before what is found, and are checked"""
    path = library('libssl.so.3')
    b = Binary(path, dynamic=True)
    address = b.va['SSL_peek']
    libs = scan(t, path, '-s', f'openssl:SSL_read={address:x}')[1]
    offset = b.first('SSL_peek')
    t.equal(libs['openssl'].points.get(offset), (READ, 0), 'the given one')
    t.equal([o for o, p in libs['openssl'].points.items() if p[0] == READ], [offset],
            'no other SSL_read')
    t.equal(libs['openssl'].how, 'given', 'how')
    libs = scan(t, path, '-s', 'openssl:SSL_read=7fffffff0000')[1]
    t.check('not in an executable segment' in libs['openssl'].missing, libs['openssl'].missing)
    t.equal(scan(t, path, '-s', 'openssl:SSL_reed=10')[0], -22, 'a wrong name')


@test
def cut(t):
    """files that end too early"""
    with open(library('libssl.so.3'), 'rb') as f:
        data = f.read()
    for n in [*range(0, 4096, 61), *range(4096, len(data), len(data) // 40)]:
        result = scan(t, t.file('cut', data[:n]))[0]
        t.check(result in (0, 1, -8), f'cut at {n}: {result}')


if __name__ == '__main__':
    sys.exit(main(needs_bpf=False))
