#!/usr/bin/env python3
"""--doctor and --list: compared with ss(8) and with what the programs are known to be."""
import ctypes
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time

from lib import (ZCTRACE, ZCTRACE_ASAN, Skip, compile_c, end_process, free_port, main, need, test,
                 wait_for)
from netns import Namespaces

# Tells its port; keeps what it accepts.
SERVER = '''
import socket, ssl, sys
s = socket.create_server((sys.argv[1], int(sys.argv[2])),
                         family=socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET)
print(s.getsockname()[1], flush=True)
kept = []
while True:
    kept.append(s.accept())
'''
GO_SERVER = '''package main

import (
	"crypto/tls"
	"fmt"
	"net"
)

func main() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(l.Addr().(*net.TCPAddr).Port)
	t := tls.NewListener(l, &tls.Config{})
	for {
		c, err := t.Accept()
		if err != nil {
			return
		}
		buf := make([]byte, 1)
		c.Read(buf)
		c.Write(buf)
		c.Close()
	}
}
'''
JAVA_SERVER = '''
public class Listen {
	public static void main(String[] args) throws Exception {
		java.net.InetAddress here = java.net.InetAddress.getByName("127.0.0.1");
		java.net.ServerSocket s = new java.net.ServerSocket(0, 5, here);
		System.out.println(s.getLocalPort());
		while (true) s.accept();
	}
}
'''


def server(t, host='127.0.0.1', port=0, prefix=(), code=SERVER, python=sys.executable):
    """(process, port)"""
    p = t.start([*prefix, python, '-c', code, host, str(port)], stdout=subprocess.PIPE, text=True)
    return p, int(p.stdout.readline())


def run(t, *args, status=0, binary=ZCTRACE, prefix=()):
    """Objects of the JSON output."""
    p = t.run([*prefix, binary, *[str(a) for a in args], '-o', 'json'])
    t.equal(p.returncode, status, f'exit status of {args}: {p.stderr}')
    t.equal(p.stderr, '', f'standard error of {args}')
    return [json.loads(line) for line in p.stdout.splitlines()]


def doctor(t, *args, **options):
    """{pid: object} of the processes."""
    return {o['pid']: o for o in run(t, '--doctor', *args, **options) if o['type'] == 'process'}


def one(t, pid, **options):
    return doctor(t, '--pid', pid, **options)[pid]


def ss(t, prefix=()):
    """{(address, port): pids} of the listeners, by ss(8)."""
    found = {}
    for line in t.run([*prefix, 'ss', '-ltnpH']).stdout.splitlines():
        words = line.split()
        addr, port = words[3].rsplit(':', 1)
        addr = re.sub(r'%.*', '', addr.strip('[]'))
        pids = {int(p) for p in re.findall(r'pid=(\d+)', line)}
        found.setdefault(('::' if addr == '*' else addr, int(port)), set()).update(pids)
    return found


def listed(rows):
    return {(r['address'], r['port']): set(r.get('pids', [])) for r in rows}


@test
def host(t):
    """the host: every backend works, is timed, and leaves nothing behind"""
    def programs():
        return t.run(['bpftool', 'prog',
                      'show']).stdout.count('name ') if shutil.which('bpftool') else 0
    before = programs()
    found = run(t, '--doctor')
    checks = {o['check']: o for o in found if o['type'] == 'check'}
    t.equal(found[-1], {'type': 'verdict', 'works': True, 'backend': 'skb'}, 'verdict')
    for name in ('kernel', 'btf', 'capabilities', 'cgroup', 'skb', 'uprobe'):
        t.equal(checks[name]['state'], 'ok', f'{name}: {checks[name]["text"]}')
    t.between(1_000_000, checks['skb'].get('attach_ns'), 3_000_000_000, 'time to attach')
    t.between(1, checks['skb'].get('detach_ns'), 3_000_000_000, 'time to detach')
    t.check(wait_for(lambda: programs() <= before, 3),
            f'programs before: {before}, after: {programs()}')
    text = t.run([ZCTRACE, '--doctor']).stdout
    t.check('Tracing works here, with backend skb.' in text, text)


@test
def capabilities(t):
    """what each missing capability costs, told by trying"""
    if os.geteuid():
        raise Skip('needs to be root, to give it up')
    for lack, backend in (('net_admin,-sys_admin', 'packet'),
                          ('net_admin,-sys_admin,-net_raw', None)):
        drop = f'-{lack}'
        prefix = ['setpriv', '--bounding-set', drop, '--inh-caps', drop]
        found = run(t, '--doctor', prefix=prefix, status=1 if backend else 3)
        checks = {o['check']: o for o in found if o['type'] == 'check'}
        t.equal(found[-1].get('backend'), backend, f'backend without {lack}')
        t.check('CAP_NET_ADMIN' in checks['skb']['remedy'], f'{checks["skb"]}')
        t.equal(checks['capabilities']['state'], 'fail', 'capabilities')
        t.check(re.search(r'missing: .*CAP_NET_ADMIN', checks['capabilities']['text']),
                f'{checks["capabilities"]}')
        t.equal(checks['uprobe']['state'], 'ok', 'uprobes need no CAP_NET_ADMIN')
    found = run(t, '--doctor', prefix=['setpriv', '--bounding-set', '-net_admin', '--inh-caps',
                                       '-net_admin'])
    t.equal([o['state'] for o in found if o.get('check') == 'capabilities'], ['note'],
            'CAP_SYS_ADMIN stands for CAP_NET_ADMIN here')


@test
def no_btf(t):
    """without BTF: the kernel option; only packets are left, status 1"""
    hide = ['unshare', '-m', 'sh', '-c',
            'mount -t tmpfs none /sys/kernel/btf || exit 99; exec "$@"', 'sh']
    if t.run([*hide, 'true']).returncode:
        raise Skip('cannot hide /sys/kernel/btf')
    found = run(t, '--doctor', prefix=hide, status=1)
    checks = {o['check']: o for o in found if o['type'] == 'check'}
    t.check('CONFIG_DEBUG_INFO_BTF' in checks['btf']['remedy'], f'{checks["btf"]}')
    t.equal(found[-1].get('backend'), 'packet', 'backend')


@test
def list_is_that_of_ss(t):
    """--list has exactly the listeners of ss(8), with their owners, and those of another
    namespace"""
    need('ss')
    ns = Namespaces(t, veth=False)
    a, port_a = server(t)
    b, port_b = server(t, '::1')
    c, port_c = server(t, '127.0.0.1', port_a, prefix=ns.inside_a)  # the same address, elsewhere
    shared = t.start([sys.executable, '-c', 'import os, socket, time\n'
                      's = socket.create_server(("127.0.0.9", 0)); pid = os.fork()\n'
                      'pid and print(s.getsockname()[1], pid, flush=True); time.sleep(60)'],
                     stdout=subprocess.PIPE, text=True)
    port_s, child = map(int, shared.stdout.readline().split())
    here = os.stat('/proc/self/ns/net').st_ino
    there = os.stat(f'/proc/{c.pid}/ns/net').st_ino

    def compare():  # other programs come and go meanwhile
        before = ss(t)
        rows = run(t, '--list')
        mine = listed([r for r in rows if r['netns'] == here])
        compare.got = rows, mine, before
        return mine == before and before == ss(t)
    t.check(wait_for(compare, 5, 0.1), f'list and ss differ: {compare.got[1:]}')
    rows = compare.got[0]
    t.equal(listed([r for r in rows if r['netns'] == there]), ss(t, ns.inside_a),
            'in the namespace')
    by = {(r['netns'], r['address'], r['port']): r for r in rows}
    t.equal(len(by), len(rows), 'each is there once')
    t.equal(by[here, '127.0.0.1', port_a]['pids'], [a.pid], 'IPv4')
    t.equal(by[here, '::1', port_b]['pids'], [b.pid], 'IPv6')
    t.equal(by[there, '127.0.0.1', port_c].get('netns_name'), ns.a, 'name of the namespace')
    t.check('netns_name' not in by[here, '127.0.0.1', port_a], 'ours has none')
    t.equal(by[here, '127.0.0.9', port_s]['pids'], [shared.pid, child], 'a socket of two processes')
    t.equal([(r['port'], r['netns'] != here) for r in rows],
            sorted((r['port'], r['netns'] != here) for r in rows), 'sorted by port, ours first')
    text = t.run([ZCTRACE, '--list', '--port', str(port_a)]).stdout
    t.check(re.search(rf'^{port_a} +127\.0\.0\.1 +\S+ \({c.pid}\) .*netns {ns.a} ', text, re.M) and
            len(text.splitlines()) == 3, f'text: {text}')
    t.equal(listed(run(t, '--list', '--pid', b.pid)), {('::1', port_b): {b.pid}}, '--list --pid')


@test
def python_tls(t):
    """a Python server: libssl, its version, its open connections; found by pid, port, comm and
    exe"""
    p, port = server(t)
    clients = [socket.create_connection(('127.0.0.1', port)) for _ in range(3)]
    version = subprocess.run([sys.executable, '-c', 'import ssl; print(ssl.OPENSSL_VERSION)'],
                             capture_output=True, text=True, check=True).stdout.split()[1]
    got = wait_for(lambda: (lambda o: o['connections'] == 3 and o)(one(t, p.pid)), 5, 0.1)
    if not t.check(got, 'three connections are counted'):
        return
    t.equal((got['listens'], got['runtime'], got['io_urings'], got['exe_deleted'], got['static']),
            ([f'127.0.0.1:{port}'], 'python', 0, False, False), 'what it is')
    t.equal(os.path.realpath(got['exe']), os.path.realpath(f'/proc/{p.pid}/exe'), 'executable')
    libs = got['tls']
    if not t.equal([x['library'] for x in libs], ['openssl'], 'TLS libraries'):
        return
    t.check('missing' not in libs[0] and libs[0]['points'] >= 6 and
            version in libs[0].get('version', version),
            f'hooked: {libs}, Python says {version}')
    t.check(os.path.exists(libs[0]['file']) and not libs[0]['deleted'], f'file: {libs}')
    t.equal(got['blind'], [], 'nothing is blind')
    for how in (['--port', port], ['--comm', os.path.basename(sys.executable)[:15] + '*'],
                ['--exe', os.path.realpath(sys.executable)], ['--all']):
        t.equal(doctor(t, *how).get(p.pid), got, f'found by {how}')
    row = [r for r in run(t, '--list') if r['port'] == port][0]
    t.equal((row['tls'], row['tls_hooked_by'], row['runtime']),
            ('openssl', libs[0]['hooked_by'], 'python'), 'in the list')
    for c in clients:
        c.close()


@test
def clients_of_a_port(t):
    """a port that nobody listens on here: the processes that are connected to it"""
    ns = Namespaces(t)
    p, port = server(t, ns.addr_b, prefix=ns.inside_b)
    c = t.start([*ns.inside_a, sys.executable, '-c', 'import socket, sys, time\n'
                 f's = socket.create_connection(("{ns.addr_b}", {port})); print("ok", flush=True); '
                 'time.sleep(60)'],
                stdout=subprocess.PIPE, text=True)
    c.stdout.readline()
    t.equal(list(doctor(t, '--port', port)), [p.pid], 'where somebody listens, the listener')
    p.kill()
    p.wait()
    # its end is gone, the client has not closed its own
    t.equal(list(doctor(t, '--port', port)), [], 'nobody is connected any more')
    s = socket.create_server(('127.0.0.1', 0))
    far = s.getsockname()[1]
    c = t.start([sys.executable, '-c',
                 f'import socket, time\ns = socket.create_connection(("127.0.0.1", {far}))\n'
                 'print("ok", flush=True); time.sleep(60)'], stdout=subprocess.PIPE, text=True)
    c.stdout.readline()
    kept, _ = s.accept()
    s.close()
    t.equal(list(doctor(t, '--port', far)), [c.pid], 'where nobody listens, who is connected')
    kept.close()


@test
def nginx(t):
    """nginx with TLS: master and worker, libssl, listed as https?"""
    need('nginx', 'openssl')
    from servers import Nginx
    key, cert, port = t.path('key.pem'), t.path('cert.pem'), free_port()
    t.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256',
           '-nodes', '-days', '2',
           '-subj', '/CN=localhost', '-keyout', key, '-out', cert])
    n = Nginx(t, server=f'listen 127.0.0.1:{port} ssl; ssl_certificate {cert}; ssl_certificate_key '
                        f'{key};')
    got = doctor(t, '--port', port)
    t.equal(len(got), 2, f'master and worker: {list(got)}')
    for o in got.values():
        t.equal(([x['library'] for x in o['tls']], o['comm']), (['openssl'], 'nginx'),
                'TLS libraries')
        t.check(f'127.0.0.1:{port}' in o['listens'] and f'[::1]:{n.port}' in o['listens'],
                f'listens: {o["listens"]}')
    row = [r for r in run(t, '--list') if r['port'] == port][0]
    t.equal((row['pid'], row['protocol_guess'], row['tls']), (n.pid, 'http', 'openssl'),
            'in the list')
    t.check(' openssl' in row['seen'] and 'hooked by' in row['seen'], row['seen'])


@test
def go(t):
    """a Go server, stripped and not: static, crypto/tls, its version"""
    need('go')
    t.file('main.go', GO_SERVER)
    t.file('go.mod', 'module listen\n\ngo 1.21\n')
    version = t.run(['go', 'env', 'GOVERSION']).stdout.strip()
    for name, flags in (('listen', []), ('listen-stripped', ['-ldflags', '-s -w'])):
        p = t.run(['go', 'build', *flags, '-o', t.path(name), '.'], cwd=t.tmp,
                  env={**os.environ, 'CGO_ENABLED': '0'})
        if p.returncode:
            raise Skip(f'go build: {p.stderr.splitlines()[:1]}')
        p = t.start([t.path(name)], stdout=subprocess.PIPE, text=True)
        port = int(p.stdout.readline())
        got = one(t, p.pid)
        t.equal((got['runtime'], got['static'], got['stripped'], got['listens']),
                ('go', True, name != 'listen', [f'127.0.0.1:{port}']), name)
        t.equal([(x['library'], x.get('version')) for x in got['tls']], [('go', version)],
                f'{name}: TLS')
        t.check(got['tls'] and got['tls'][0]['points'] >= 2 and not got['blind'],
                f'{name}: hooked: {got}')


@test
def deleted_library(t):
    """a library that was deleted, then replaced, after it was loaded: still found, and told"""
    libs = [line.split()[-1] for line in open('/proc/self/maps', encoding='utf-8')
            if '/libssl.so' in line]
    import ssl  # to have it mapped here, and know where it lies
    libs = libs or [line.split()[-1] for line in open('/proc/self/maps', encoding='utf-8')
                    if '/libssl' in line]
    if not libs:
        raise Skip(f'{ssl.OPENSSL_VERSION} is no shared library here')
    copy = t.path('libssl-copy.so.3')
    shutil.copy(libs[0], copy)
    p = t.start([sys.executable, '-c', 'import ctypes, sys, time\nctypes.CDLL(sys.argv[1])\n'
                 'print("ok", flush=True); time.sleep(60)', copy], stdout=subprocess.PIPE,
                text=True)
    p.stdout.readline()

    def look():
        return [x for x in one(t, p.pid)['tls'] if x['file'] == copy]
    before = look()
    t.equal(len(before), 1, 'found')
    os.unlink(copy)
    after = look()
    if t.equal(len(after), 1, 'found after it was deleted'):
        t.equal((after[0]['deleted'], after[0]['points']), (True, before[0]['points']),
                'told, and hooked as before')
    t.file('libssl-copy.so.3', b'something else')
    t.equal(look(), after, 'found after it was replaced')
    text = t.run([ZCTRACE, '--doctor', '--pid', str(p.pid)]).stdout
    t.check('(deleted since, but still mapped)' in text, text)


@test
def below_another_root(t):
    """a process with a root of its own: names as it sees them, files as they are"""
    need('chroot', 'cc')
    inside = t.path('root')
    source = t.file('wait.c', '#include <stdio.h>\n#include <unistd.h>\n'
                    'int main(void) { puts("ok"); fflush(stdout); return pause(); }\n')
    os.makedirs(inside)
    if t.run(['cc', '-o', f'{inside}/wait', source, '-Wl,--no-as-needed',
              '-l:libssl.so.3']).returncode:
        raise Skip('no libssl.so.3 to link with')
    for path in re.findall(r'(/\S+) \(', t.run(['ldd', f'{inside}/wait']).stdout):
        os.makedirs(os.path.dirname(inside + path), exist_ok=True)
        shutil.copy(path, inside + path)
    p = t.start(['chroot', inside, '/wait'], stdout=subprocess.PIPE, text=True)
    t.equal(p.stdout.readline(), 'ok\n', 'it runs')
    got = one(t, p.pid)
    t.equal(got['exe'], '/wait', 'executable, as the process sees it')
    libs = got['tls']
    t.check(len(libs) == 1 and libs[0]['points'] >= 6 and
            os.path.exists(inside + libs[0]['file']) and
            not libs[0]['file'].startswith(inside), f'library, as the process sees it: {libs}')


@test
def io_uring(t):
    """a server that uses io_uring: told"""
    p = t.start([compile_c(t, 'uring_server.c')], stdout=subprocess.PIPE, text=True)
    line = p.stdout.readline()
    if not line:
        raise Skip('io_uring is not permitted here')
    got = one(t, p.pid)
    t.equal(got['io_urings'], 1, 'rings')
    text = t.run([ZCTRACE, '--doctor', '--pid', str(p.pid)]).stdout
    t.check('io_uring' in text, text)


@test
def two_libraries(t):
    """a library that was loaded later is not taken for that of the program"""
    try:
        ctypes.CDLL('libgnutls.so.30')
    except OSError as e:
        raise Skip(f'{e}') from e
    _, port = server(t, code='import ctypes, ssl\nctypes.CDLL("libgnutls.so.30")\n' + SERVER)
    row = [r for r in run(t, '--list') if r['port'] == port][0]
    t.equal(row['tls'], 'openssl', 'in the list')


@test
def blind(t):
    """what is blind: Java's TLS, UNIX sockets, QUIC, static programs; each with the reason"""
    ns = Namespaces(t, veth=False)
    p = t.start([*ns.inside_a, sys.executable, '-c', 'import socket, sys, time\n'
                 'u = socket.socket(socket.AF_UNIX); u.bind(sys.argv[1]); u.listen()\n'
                 'q = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); q.bind(("127.0.0.1", '
                 '443))\n'
                 'print("ok", flush=True); time.sleep(60)', t.path('socket')],
                stdout=subprocess.PIPE, text=True)
    p.stdout.readline()
    t.equal(sorted(b['what'] for b in one(t, p.pid)['blind']), ['HTTP/3', 'UNIX sockets'],
            'sockets that are not seen')
    source = t.file('static.c', '#include <unistd.h>\nint main(void) { return pause(); }\n')
    if t.run(['cc', '-static', '-s', '-o', t.path('static'), source]).returncode == 0:
        got = one(t, t.start([t.path('static')]).pid)
        t.equal((got['static'], got['stripped'], got['tls']), (True, True, []), 'a static program')
        t.check(['--tls-symbol' in b['remedy'] for b in got['blind']] == [True], f'{got["blind"]}')
    # no compiler of Rust is here; what tells rustls is what its panics would name
    source = t.file('rustls.c', '#include <unistd.h>\n__asm__(".pushsection .comment\\n.string '
                                '\\"rustc version 1.80.0\\"'
                    '\\n.popsection");\nconst char where[] = '
                    '"/crates/rustls-0.23.12/src/conn.rs";\n'
                    'int main(void) { return pause(); }\n')
    if t.run(['cc', '-o', t.path('rustls'), source]).returncode == 0:
        got = one(t, t.start([t.path('rustls')]).pid)
        t.equal((got['runtime'], [b['what'] for b in got['blind']]), ('rust', ['TLS by rustls']),
                'rustls')
    source = t.file('nss.c', 'int zero(void) { return 0; }\n')
    if t.run(['cc', '-shared', '-fPIC', '-o', t.path('libnss3.so'), source]).returncode == 0:
        p = t.start([sys.executable, '-c', 'import ctypes, sys, time\nctypes.CDLL(sys.argv[1])\n'
                     'print("ok", flush=True); time.sleep(60)', t.path('libnss3.so')],
                    stdout=subprocess.PIPE, text=True)
        p.stdout.readline()
        t.equal([b['what'] for b in one(t, p.pid)['blind']], ['TLS by NSS'], 'NSS')
    source = t.file('Listen.java', JAVA_SERVER)
    if shutil.which('java') and shutil.which('javac'):
        p = t.start(['java', '-Xshare:auto', '-Xmx64m', source], stdout=subprocess.PIPE, text=True)
        port = int(p.stdout.readline())
        got = one(t, p.pid)
        t.equal(got['runtime'], 'java', 'runtime')
        t.equal([(b['what'], 'proxy' in b['remedy']) for b in got['blind']],
                [('TLS inside Java', True)], 'blind')
        row = [r for r in run(t, '--list') if r['port'] == port][0]
        t.check('inside Java: encrypted only' in row['seen'], row['seen'])
    else:
        print('# no java here: its TLS is not looked at')


@test
def container(t):
    """a process in a container's control group: found by the container, and told so"""
    root = [line.split()[4] for line in open('/proc/self/mountinfo', encoding='utf-8')
            if ' - cgroup2 ' in line]
    name = os.urandom(32).hex()
    group = os.path.join(root[0], name) if root else ''
    try:
        os.mkdir(group)
    except OSError as e:
        raise Skip(f'no control group can be made: {e}') from None
    t.stack.callback(os.rmdir, group)
    p, port = server(t)
    with open(os.path.join(group, 'cgroup.procs'), 'w', encoding='ascii') as f:
        f.write(str(p.pid))
    for how in (['--container', name[:12]], ['--cgroup', group]):
        got = doctor(t, *how)
        t.equal((list(got), got.get(p.pid, {}).get('container')), ([p.pid], name), f'{how}')
    t.equal([(r['port'], r['container']) for r in run(t, '--list', '--container', name)],
            [(port, name)], 'in the list')
    text = t.run([ZCTRACE, '--list', '--port', str(port)]).stdout
    t.check(f'container {name[:12]} ' in text, text)
    p.kill()
    p.wait()


FORKS = """import os, socket, sys, time
for i in range(int(sys.argv[1])):
    if not os.fork():
        s = socket.create_server(("127.0.0.77", 0)); time.sleep(60); os._exit(0)
time.sleep(60)
"""


@test
def fast(t):
    """500 processes that listen: time grows with their number only; and nothing that a sanitizer
    objects to"""
    def took(want):
        begun = time.monotonic()
        n = len(rows())
        t.equal(n, want, 'rows')
        return time.monotonic() - begun

    def rows():
        return [r for r in run(t, '--list') if r['address'] == '127.0.0.77']

    def some(n):
        p = t.start([sys.executable, '-c', FORKS, str(n)])
        t.check(wait_for(lambda: len(rows()) == n, 30, 0.2), f'{len(rows())} rows')
        return p
    few = some(100)
    hundred = min(took(100) for _ in range(3))
    end_process(few)
    p = some(500)
    most = min(took(500) for _ in range(3))
    print(f'# --list with 100 processes: {hundred * 1e3:.0f} ms, with 500: {most * 1e3:.0f} ms')
    t.check(most < 10 * hundred, 'five times as many take ten times as long')
    if os.path.exists(ZCTRACE_ASAN):
        t.equal(len([r for r in run(t, '--list', binary=ZCTRACE_ASAN)
                     if r['address'] == '127.0.0.77']), 500, 'ASan')
        t.equal(len(doctor(t, '--pid', p.pid, binary=ZCTRACE_ASAN)), 501,
                'ASan: a process and its children')


if __name__ == '__main__':
    sys.exit(main())
