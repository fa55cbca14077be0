#!/usr/bin/env python3
"""The life of probes in TLS libraries: attached and detached under load, libraries that are gone
from the disk or lie elsewhere, processes that are no targets."""
import ctypes
import fcntl
import os
import platform
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import termios
import time

from client import Conn, compare_all
from h2tools import go_build
from lib import (HERE, ZCTRACE_ASAN, Skip, Zctrace, compile_c, free_port, main, need, query_id,
                 test, wait_for, wait_port)
from load import NGINX_SERVER, Wrk, mixed, nginx_files
from probes import breakpoints, keys_of, programs_alive, programs_of
from servers import Target
from tls_targets import (NginxTls, Part, Peer, TlsConn, certs, check_tls, connector, context, ports,
                         python_server)

LIBRARY = 'libssl'


@test
def attached_fifty_times(t):
    """50 times attached and detached under load, five at a time: no request fails, no probe is
    left"""
    nginx = NginxTls(t, log=False)
    wrk = Wrk(t, nginx.url + '/', 50)
    shown = left = 0
    for _ in range(10):
        crowd = [Zctrace(t, *(['--port', nginx.port] if i % 2 else ['--pid', nginx.pid]), '-n', 50,
                         wait=False)
                 for i in range(5)]
        for z in crowd:
            good = z.wait() == 0 and [s for s in z.spans if s['tls'] == 'openssl' and
                                      s.get('status') == 200]
            shown += good and len(good) == 50
        left += breakpoints(nginx.workers()[0], LIBRARY)
    wrk.p.send_signal(signal.SIGINT)
    requests, errors = wrk.stop()
    t.equal(shown, 50, 'times with 50 spans and status 0')
    t.equal(left, 0, 'octets of the library that were not as before')
    t.equal(errors, [], 'errors of the load')
    t.check(requests > 1000, f'{requests} requests')


# Answers once, by one write, in TLS 1.2, where only content is of the records' type 23.
ANSWERS = '''
import socket, ssl, sys
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.maximum_version = ssl.TLSVersion.TLSv1_2
c.load_cert_chain(*sys.argv[1:3])
s = socket.create_server(('127.0.0.1', 0))
print(s.getsockname()[1], flush=True)
k = c.wrap_socket(s.accept()[0], server_side=True)
while b'\\r\\n\\r\\n' not in k.recv(65536):
    pass
k.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello')
k.recv(1)
'''


@test
def killed_within_a_call(t):
    """killed when an answer has left, and its library's call has not returned: not "closed"; at
    the client's end it is whole"""
    killer = compile_c(t, 'kill_after.c', '-shared', '-fPIC')
    for preload in (None, killer):
        env = dict(os.environ, **({'LD_PRELOAD': preload} if preload else {}))
        server = t.start([sys.executable, '-c', ANSWERS, *certs().pair()], env=env,
                         stdout=subprocess.PIPE, text=True)
        port = int(server.stdout.readline())
        z = Zctrace(t, '--pid', f'{server.pid},{os.getpid()}')
        with socket.create_connection(('127.0.0.1', port)) as s, \
                context().wrap_socket(s, server_hostname='localhost') as k:
            k.sendall(b'GET /k HTTP/1.1\r\nHost: x\r\n\r\n')
            got = b''
            while not got.endswith(b'hello'):
                part = k.recv(65536)
                if not part:
                    break
                got += part
        t.check(got.endswith(b'hello'), f'what the client got: {got!r}')
        z.finish(2, path='/k')
        said = {s['kind']: (s.get('status'), s.get('error'), s.get('incomplete'))
                for s in z.spans if s.get('path') == '/k'}
        t.equal(said.get('client'), (200, None, None), 'client')
        t.equal(said.get('server'), (None, None, ['lost-events', 'response-not-seen'])
                if preload else (200, None, None), 'server')
        if preload:
            t.equal(server.wait(20), -signal.SIGKILL, 'how the server ended')


def arrived(s):
    """Bytes that wait to be read, with those of TLS."""
    return int.from_bytes(fcntl.ioctl(s.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)


@test
def gone_before_reading(t):
    """a client that goes without having read its answer, which has come: nobody knows which, and
    nothing was "closed" early"""
    server = python_server(t, 'timed', 'plain')
    z = Zctrace(t, '--pid', os.getpid())
    c = TlsConn(server.addr, context())
    done, x = c.get('/done'), c.request('GET', '/left')
    t.check(wait_for(lambda: arrived(c.s) > 64), 'the answer has come')
    c.close()
    left = z.finish(1, path='/left')
    t.equal({query_id(s): (s.get('status'), s.get('error'), s.get('incomplete')) for s in z.spans},
            {done.id: (200, None, None),
             x.id: (None, None, ['response-not-seen', 'read-not-seen'])}, 'spans')
    t.check(left and 'duration_ns' not in left[0], 'no duration')


@test
def killed_within_a_write_of_go(t):
    """a Go process, killed while a goroutine writes: how much has left is not known, and said so"""
    port = free_port()
    server = t.start([go_build('gotls'), 'server', *certs().pair(), str(port)],
                     stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    z = Zctrace(t, '--port', port)
    c = TlsConn(('127.0.0.1', port), context(), rcvbuf=8192)
    c.get('/size/5')
    c.request('GET', '/size/50000000')
    z.wait_spans(1)
    time.sleep(0.3)  # it fills the socket's buffer, and waits
    os.kill(server.pid, signal.SIGKILL)
    server.wait(20)
    c.close()
    z.finish(2, type='span')
    said = {s['path']: [s.get(f) for f in ('status', 'error', 'incomplete', 'resp_body_bytes')]
            for s in z.spans}
    t.equal(said, {'/size/5': [200, None, None, 5],
                   '/size/50000000': [200, None, ['lost-events'], None]}, 'spans')


# Filters its system calls as a container's runtime does that knows no uretprobe(), and executes the
# rest.
FILTER = '''
import ctypes, os, struct, sys
code = b''.join(struct.pack('=HBBI', *i) for i in (
    (0x20, 0, 0, 0), (0x15, 0, 1, 335), (0x06, 0, 0, 0x80000000), (0x06, 0, 0, 0x7fff0000)))
buf = ctypes.create_string_buffer(code, len(code))
prog = struct.pack('=H6xQ', 4, ctypes.addressof(buf))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, prog):
    sys.exit(f'no filter: {ctypes.get_errno()}')
os.execvp(sys.argv[1], sys.argv[1:])
'''


@test
def filtered(t):
    """a process that filters its system calls lives on, and its TLS is seen, or why it is not"""
    if platform.machine() != 'x86_64':
        raise Skip('uretprobe() is x86-64\'s')
    server = Peer(t, [sys.executable, t.file('filter.py', FILTER), sys.executable,
                      os.path.join(HERE, 'tls_peer.py'),
                      'server-threads', *certs().pair()])
    z = Zctrace(t, '--port', server.port)
    with_tls = context()
    for _ in range(5):
        c = TlsConn(server.addr, with_tls)
        c.get('/size/10')
        c.close()
    z.stop()
    t.equal(server.p.poll(), None, 'the server has ended')
    seen = [s for s in z.spans if s['kind'] == 'server' and s.get('status') == 200]
    t.check(len(seen) == 5 or 'seccomp' in z.err(),
            f'{len(seen)} of 5 spans, and no reason: {z.err()}')


def uprobes(path, pid, offsets):
    """The kernel's own patching: an empty probe at each of the offsets. Closes them, too."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open('/sys/bus/event_source/devices/uprobe/type', encoding='ascii') as f:
        kind = int(f.read())
    name, fds = ctypes.create_string_buffer(path.encode()), []
    for offset in offsets:
        attr = struct.pack('=IIQQQQQIIQQ', kind, 112, 0, 0, 0, 0, 0, 0, 0, ctypes.addressof(name),
                           offset)
        fds.append(libc.syscall(298, ctypes.create_string_buffer(attr.ljust(112, b'\0'), 112), pid,
                                -1, -1, 8))
    for fd in fds:
        os.close(fd)
    return len(fds)


@test
def stalls(t):
    """attaching holds a process up for no longer than the kernel's own patching does"""
    need('readelf')
    if platform.machine() != 'x86_64':
        raise Skip('knows the number of perf_event_open(2) on x86-64 only')
    path = subprocess.run(['sh', '-c', 'ldconfig -p | sed -n "s/.*libssl.so.3 .*=> //p" | head -1'],
                          check=True,
                          stdout=subprocess.PIPE, text=True).stdout.strip()
    if not path:
        raise Skip('no libssl.so.3 here')
    symbols = t.run(['readelf', '-W', '--dyn-syms', path]).stdout
    offsets = [int(m.group(1), 16) for m in
               re.finditer(r' ([0-9a-f]{16}) +\d+ FUNC .* '
                           r'SSL_(?:read|write|peek|do_handshake|free|shutdown)\w*@', symbols)]
    p = t.start([compile_c(t, 'stall.c', '-ldl'), path], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True)

    def longest():
        print('', file=p.stdin, flush=True)
        return int(p.stdout.readline())
    kernel, ours = [], []
    time.sleep(0.2)
    for _ in range(5):
        longest()
        t.check(uprobes(path, p.pid, offsets) >= 8, f'too few functions: {offsets}')
        kernel.append(longest())
        z = Zctrace(t, '--pid', p.pid, '-v')
        t.check('9 points' in z.err() or 'points by' in z.err(), f'not probed: {z.err()}')
        z.stop()
        ours.append(longest())
    kernel, ours = sorted(kernel)[2], sorted(ours)[2]
    t.check(ours < 3 * kernel, f'held up for {ours} ns, by the kernel alone for {kernel} ns')


@test
def killed_under_load(t):
    """SIGKILL under load: the target serves on without an error, and no probe is left"""
    nginx = NginxTls(t, log=False)
    worker = nginx.workers()[0]
    t.equal(breakpoints(worker, LIBRARY), 0, 'breakpoints before')
    wrk = Wrk(t, nginx.url + '/', 3)
    z = Zctrace(t, '--port', nginx.port, stdout=subprocess.DEVNULL)
    ids = programs_of(z.p.pid)
    t.check(breakpoints(worker, LIBRARY) >= 4, 'no breakpoints while tracing')
    time.sleep(1)
    z.p.kill()
    z.p.wait()
    t.check(wait_for(lambda: not programs_alive(ids), 3, 0.05),
            f'programs left: {programs_alive(ids)}')
    t.check(wait_for(lambda: not breakpoints(worker, LIBRARY), 3, 0.05), 'breakpoints left')
    requests, errors = wrk.stop()
    t.equal(errors, [], 'errors of the load')
    t.check(requests > 500, f'{requests} requests')
    t.equal(nginx.workers(), [worker], 'the worker')
    z = Zctrace(t, '--port', nginx.port)
    c = TlsConn(nginx.addr, context())
    x = c.get('/index.html')
    c.close()
    z.wait_spans(1)
    z.stop()
    compare_all(t, z.spans, [x])


FORKS = """
import os, socket, ssl, sys
listener = socket.create_server(('127.0.0.1', int(sys.argv[1])))
print(flush=True)
while sys.stdin.readline():
    for i in range(300):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    print(flush=True)
"""


@test
def nothing_left_of_children(t):
    """children that end at once, before they are looked at: nothing is left of them"""
    port = free_port()
    p = t.start([sys.executable, '-c', FORKS, str(port)], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE)
    p.stdout.readline()
    z = Zctrace(t, '--port', port)
    before = keys_of(z.p.pid, 'zc_tasks')
    p.stdin.write(b'\n')
    p.stdin.flush()
    p.stdout.readline()
    t.check(wait_for(lambda: len(keys_of(z.p.pid, 'zc_tasks')) <= len(before), step=0.2),
            f'{before} became {len(keys_of(z.p.pid, "zc_tasks"))} processes')
    z.stop()
    t.check(z.end['events'] >= 600, f'beginnings and ends were told: {z.end}')


@test
def others_pay_nothing(t):
    """a process with the same library that is no target has no probe in its code, and no span"""
    target, other = NginxTls(t), Other(t)
    z = Zctrace(t, '--port', target.port)
    t.check(breakpoints(target.workers()[0], LIBRARY) >= 4, 'no breakpoints in the target')
    t.equal(breakpoints(other.pid, LIBRARY), 0, 'breakpoints in a process that is no target')
    exchanges = []
    for server in (target, other):
        c = TlsConn(server.addr, context())
        exchanges.append(c.get('/size/1'))
        c.close()
    z.wait_spans(1)
    z.stop()
    compare_all(t, z.spans, exchanges[:1])


class Other(Peer):
    """tls_edge.c as plain server."""

    def __init__(self, t, **options):
        super().__init__(t, [compile_c(t, 'tls_edge.c', '-lssl', '-lcrypto'), *certs().pair(),
                             'plain'], **options)


@test
def many_processes(t):
    """several servers that map one library: each span has its own process"""
    servers = [NginxTls(Part(t, f'n{i}')) for i in range(3)]
    z = Zctrace(t, '--port', ','.join(str(s.port) for s in servers))
    exchanges, owner = [], {}
    for server in servers:
        c = TlsConn(server.addr, context())
        for _ in range(3):
            exchanges.append(c.get('/index.html'))
            owner[exchanges[-1].id] = server
        c.close()
    z.wait_spans(9)
    z.stop()
    found = compare_all(t, z.spans, exchanges)
    for name, s in found.items():
        t.check(s['pid'] in owner[name].workers(), f'{name}: pid {s["pid"]}')
        t.equal(s.get('server_port'), owner[name].port, f'{name}: server_port')


def libraries(t, program):
    """The libraries of a program: [(name, path)], the loader included."""
    need('ldd')
    rows = [x.split() for x in t.run(['ldd', program]).stdout.splitlines()]
    return [(r[0], r[2]) for r in rows if len(r) > 2 and r[1] == '=>'] + [(r[0], r[0]) for r in rows
                                                                          if r[0][0] == '/']


def private_libraries(t):
    """Copies of OpenSSL's libraries in a directory of the test; returns it."""
    program = compile_c(t, 'tls_edge.c', '-lssl', '-lcrypto')
    os.makedirs(t.path('lib'))
    for name, path in libraries(t, program):
        if name.startswith(('libssl', 'libcrypto')):
            shutil.copy(path, t.path('lib'))
    if not os.listdir(t.path('lib')):
        raise Skip('no shared OpenSSL here')
    return t.path('lib')


def some(t, z, server, n=6):
    """A few exchanges by TLS 1.2 and 1.3, every field as the client knows it."""
    connect, exchanges = connector(context('1.2'), context('1.3')), []
    for i in range(n // 2):
        c = connect(server.addr)
        exchanges += [c.get(f'/size/{i * 1000}'), c.get('/echo', 'POST', body=b'x' * 9)]
        c.close()
    z.wait_spans(len(exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, z.spans, 'openssl')
    ports(t, z.spans, server.port)


@test
def deleted_library(t):
    """the library was deleted from the disk after the process had started"""
    lib = private_libraries(t)
    server = Other(t, env={**os.environ, 'LD_LIBRARY_PATH': lib})
    shutil.rmtree(lib)
    some(t, Zctrace(t, '--port', server.port), server)


@test
def replaced_library(t):
    """the library was replaced by another file after the process had started"""
    lib = private_libraries(t)
    server = Other(t, env={**os.environ, 'LD_LIBRARY_PATH': lib})
    for name in os.listdir(lib):
        new = os.path.join(lib, name + '.new')
        shutil.copy(sys.executable, new)  # something else, of another layout
        os.rename(new, os.path.join(lib, name))
    some(t, Zctrace(t, '--port', server.port), server)


CONTAINER = '''
set -e
mount -t tmpfs none {root}
mkdir -p {root}/certs {root}/dev
cp {program} {root}/server
cp {pem} {root}/certs/pem
cp {key} {root}/certs/key
{copies}
exec chroot {root} /server /certs/pem /certs/key plain
'''


@test
def container(t):
    """a process in mount and pid namespaces and a root of its own, whose files nobody else sees"""
    need('unshare', 'chroot')
    program = compile_c(t, 'tls_edge.c', '-lssl', '-lcrypto')
    os.makedirs(t.path('root'))
    pem, key = certs().pair()
    copies = []
    for name, path in libraries(t, program):
        real, to = os.path.realpath(path), t.path('root') + os.path.dirname(path)
        copies.append(f'mkdir -p {to}; cp {real} {to}/{os.path.basename(name)}')
    script = t.file('container.sh', CONTAINER.format(root=t.path('root'), program=program, pem=pem,
                                                     key=key,
                                                     copies='\n'.join(copies)))
    if t.run(['unshare', '-m', 'true']).returncode:
        raise Skip('no mount namespaces here')
    server = Peer(t, ['unshare', '-m', '-p', '-f', '--kill-child', '--propagation', 'private', 'sh',
                      script])
    t.equal(os.listdir(t.path('root')), [], 'what is seen of its files from outside')
    some(t, Zctrace(t, '--port', server.port), server)


@test
def by_other_selectors(t):
    """TLS of processes chosen by name, by executable and by --all"""
    nginx = NginxTls(t)
    for args in (['--comm', 'nginx'], ['--exe', '*/nginx'], ['--all']):
        z = Zctrace(t, *args)
        c = TlsConn(nginx.addr, context())
        exchanges = [c.get('/index.html') for _ in range(2)]
        c.close()
        z.wait_spans(2)
        z.stop()
        mine = [s for s in z.spans if s['kind'] == 'server' and s.get('server_port') == nginx.port]
        compare_all(t, mine, exchanges)
        check_tls(t, mine, 'openssl')


@test
def short_lived(t):
    """a command that starts one program after the other: the call of each, or its encrypted
    connection

    The command itself is held until its probes are in; what it starts is not: they may come
    between a request and its response, which then says so.
    """
    need('curl')
    nginx = NginxTls(t)
    z = Zctrace(t, '--', 'sh', '-c',
                'for i in $(seq 20); do curl -s -o /dev/null --cacert "$0" "$1?id=$i"; done',
                certs().ca, f'{nginx.url}/index.html', wait=False)
    t.equal(z.wait(), 0, 'exit status')
    rows = {r['port']: r for r in nginx.tls_rows(20)}
    seen = [s for s in z.spans if s['protocol'] != 'tls']
    t.equal(sorted(s.get('client_port') for s in z.spans), sorted(rows), 'connections')
    t.equal({s['client_port']: (s['protocol'], s.get('status')) for s in seen},
            {s['client_port']: ('h2', 200) for s in seen}, 'calls')
    whole = [s for s in seen if 'request-not-seen' not in s.get('incomplete', ())]
    t.equal({s['client_port']: s.get('query') for s in whole},
            {s['client_port']: rows[s['client_port']]['target'].split('?')[1] for s in whole},
            'calls and the log')
    t.equal(len({s['pid'] for s in z.spans}), 20, 'processes')
    check_tls(t, whole, 'openssl', rows)
    print(f'# shows 20 programs one after the other: {len(seen)} calls in cleartext')
    t.check(seen, 'none in cleartext')


@test
def cleartext_beside(t):
    """cleartext and TLS of one process: each as it is"""
    nginx = NginxTls(t)
    z = Zctrace(t, '--port', f'{nginx.port},{nginx.plain_port}')
    plain, tls = Conn(('127.0.0.1', nginx.plain_port)), TlsConn(nginx.addr, context())
    exchanges = [c.get('/index.html') for _ in range(3) for c in (plain, tls)]
    odd = Conn(nginx.addr)  # cleartext to the port of TLS, which nginx answers in cleartext
    exchanges.append(odd.get('/odd'))
    t.equal(exchanges[-1].status, 400, 'cleartext to the port of TLS')
    for c in (plain, tls, odd):
        c.close()
    z.wait_spans(7)
    z.stop()
    compare_all(t, z.spans, exchanges)
    t.equal({(s.get('server_port'), s.get('client_port') == odd.port, s['tls'], s.get('scheme'))
             for s in z.spans},
            {(nginx.plain_port, False, False, 'http'), (nginx.port, False, 'openssl', 'https'),
             (nginx.port, True, False, 'http')}, 'ports, tls, scheme')


@test
def asan(t):
    """a mixed load of TLS with the sanitizers"""
    backend = Target(t, 'http')
    nginx = NginxTls(t, NGINX_SERVER.format(dir=t.path('nginx'), backend=backend.port))
    nginx_files(nginx)
    z = Zctrace(t, '--port', nginx.port, binary=ZCTRACE_ASAN)
    exchanges = mixed(t, nginx.addr, 3, 30, connect=connector(context('1.2'), context('1.3')))
    z.wait_spans(len(exchanges) + sum(x.path.startswith('/up/') for x in exchanges))
    z.stop()
    compare_all(t, z.spans, exchanges)
    check_tls(t, [s for s in z.spans if s['kind'] == 'server'], 'openssl')


if __name__ == '__main__':
    sys.exit(main())
