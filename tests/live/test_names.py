#!/usr/bin/env python3
"""Names: of local processes that are not traced, of containers, of hosts by file and by DNS."""
import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time

import chain
from far import ask_from, away, peers_of
from lib import (Skip, ZCTRACE, Zctrace, cgroup_root, free_port, main, need, replay, test, wait_for,
                 wait_port)
from netns import Namespaces

sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'tui'))
from terminal import Tmux  # noqa: E402


def ask(host, ident):
    c = http.client.HTTPConnection(host)
    c.request('GET', f'/x?id={ident}')
    c.getresponse().read()
    c.close()


KEEPALIVE = r"""
import http.client, sys
c = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
for line in sys.stdin:
    c.request('GET', '/x?id=' + line.strip())
    c.getresponse().read()
    print(flush=True)
"""


class Caller:
    """A Python program, keepalive.py, that asks over one connection when it is told to."""

    def __init__(self, t, host, port, prefix=(), name='keepalive'):
        self.p = t.start([*prefix, sys.executable, t.file(f'{name}.py', KEEPALIVE), host,
                          str(port)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, what):
        self.p.stdin.write(f'{what}\n'.encode())
        self.p.stdin.flush()
        self.p.stdout.readline()


@test
def peers_not_traced(t):
    """names of local peers that are not traced: of old and new connections, live and in replay"""
    need('curl')
    back = chain.backend(t)
    old, new = Caller(t, '127.0.0.1', back), Caller(t, '127.0.0.1', back, name='other')
    old.ask('early')
    z = Zctrace(t, '--port', back, '-w', t.path('peers.pcapng'))
    for i in range(20):
        t.run(['curl', '-s', f'http://127.0.0.1:{back}/x?id=curl{i}'])
    old.ask('old')
    new.ask('new')
    z.wait_spans(22)
    z.stop()
    want = {('server', f'curl{i}'): 'curl' for i in range(20)}
    want.update({('server', 'old'): 'keepalive', ('server', 'new'): 'other'})
    t.equal(peers_of(z.spans), want, 'callers')
    spans, _ = replay(t, t.path('peers.pcapng'))
    t.equal(peers_of(spans), want, 'callers in replay')

    z = Zctrace(t, '--pid', f'{old.p.pid},{new.p.pid}')
    third = Caller(t, '127.0.0.1', back, name='third')
    old.ask('old')
    third.ask('other')
    z.wait_spans(1)
    z.stop()
    t.equal(peers_of(z.spans), {('client', 'old'): 'backend'},
            'what is called, on an old connection')
    z = Zctrace(t, '--comm', 'curl')
    t.run(['curl', '-s', f'http://127.0.0.1:{back}/x?id=a'])
    z.wait_spans(1)
    z.stop()
    t.equal(peers_of(z.spans), {('client', 'a'): 'backend'}, 'and on a new one')


@test
def peers_in_namespaces(t):
    """peers across a veth pair, and in three namespaces with equal addresses and ports"""
    servers = chain.in_namespaces(t, 3)
    z = Zctrace(t, '--pid', ','.join(str(p.pid) for p in servers))
    callers = [Caller(t, '127.0.0.1', 8080, ['ip', 'netns', 'exec', p.namespace], f'caller{i}')
               for i, p in enumerate(servers)]
    for i, c in enumerate(callers):
        c.ask(i)
    z.wait_spans(3)
    z.stop()
    want = {('server', str(i)): f'caller{i}' for i in range(3)}
    t.equal(peers_of(z.spans), want, 'equal addresses, new connections')
    z = Zctrace(t, '--pid', ','.join(str(p.pid) for p in servers))
    for i, c in enumerate(callers):
        c.ask(i)
    z.wait_spans(3)
    z.stop()
    t.equal(peers_of(z.spans), want, 'equal addresses, old connections')

    ns = Namespaces(t)
    server = t.start([*ns.inside_b, sys.executable,
                      t.file('away.py', chain.BACKEND.replace("'127.0.0.1'", "''")), '8080'])
    wait_for(lambda: '8080' in t.run([*ns.inside_b, 'ss', '-ltn']).stdout)
    caller = Caller(t, ns.addr_b, 8080, ns.inside_a)
    for what in ('new', 'old'):
        z = Zctrace(t, '--pid', server.pid)
        caller.ask(what)
        z.wait_spans(1)
        z.stop()
        t.equal(peers_of(z.spans), {('server', what): 'keepalive'}, f'veth, {what}')


@test
def container_names(t):
    """containers are called as their engine calls them: their own spans, and as peers"""
    need('unshare', 'mount')
    idents = [os.urandom(32).hex() for _ in range(3)]
    servers = []
    for i, ident in enumerate(idents):
        path = os.path.join(cgroup_root(), f'zctrace-docker-{ident}.scope')
        try:
            os.makedirs(path)
        except OSError as e:
            raise Skip(f'{path}: {e.strerror}') from e
        t.stack.callback(lambda p=path: wait_for(lambda: not os.system(f'rmdir {p} 2>/dev/null'),
                                                 3, 0.1))
        if i < 2:  # the third is one of another engine
            t.file(f'docker/containers/{ident}/config.v2.json',
                   json.dumps({'ID': ident, 'Name': f'/backend{i}', 'Driver': 'overlay2'},
                              separators=(',', ':')))
        port = free_port()
        servers.append((port, t.start(['sh', '-c', f'echo $$ > {path}/cgroup.procs; exec "$@"',
                                       'sh',
                                       sys.executable, t.file('server.py', chain.BACKEND),
                                       str(port)])))
        wait_port(port)
    # zctrace sees Docker's files in a mount namespace of its own
    see = ['unshare', '-m', 'sh', '-c',
           'mount -t tmpfs zctrace /var/lib && mkdir /var/lib/docker && '
           f'mount --bind {t.path("docker")} /var/lib/docker && exec "$@"', 'sh']
    z = Zctrace(t, '--pid', ','.join(str(p.pid) for _, p in servers), prefix=see)
    for i, (port, _) in enumerate(servers):
        ask(f'127.0.0.1:{port}', i)
    z.wait_spans(3)
    z.stop()
    got = {chain.query_id(s): (s['container'], s.get('container_name'), s['service'])
           for s in z.spans}
    t.equal(got, {'0': (idents[0], 'backend0', 'server'), '1': (idents[1], 'backend1', 'server'),
                  '2': (idents[2], None, 'server')}, 'containers')
    z = Zctrace(t, '--pid', os.getpid(), prefix=see, output='text')
    for i, (port, _) in enumerate(servers):
        ask(f'127.0.0.1:{port}', i)
    wait_for(lambda: z.out().count('HTTPClient') >= 3)
    z.stop()
    t.equal(re.findall(r'HTTPClient .*->\[127.0.0.1 as (\S+):\d+\]', z.out()),
            ['backend0', 'backend1', 'server'], 'as peers')
    for args, wanted in ((('--container', 'backend1'), ['1']),
                         (('--container', 'back*'), ['0', '1']),
                         (('--service', 'backend0'), ['0']),
                         (('--container', idents[2][:12]), ['2'])):
        z = Zctrace(t, *args, prefix=see)
        for i, (port, _) in enumerate(servers):
            ask(f'127.0.0.1:{port}', i)
        z.wait_spans(len(wanted))
        z.stop()
        t.equal(sorted(chain.query_id(s) for s in z.spans if s['kind'] == 'server'), wanted,
                f'selected by {args}')
    p = t.run([*see, ZCTRACE, '--container', 'frontend', '-d', '50ms'])
    t.check(p.returncode == 2 and 'here are: ' in p.stderr and 'backend0' in p.stderr and
            'backend1' in p.stderr, f'no such container: {p.stderr}')


FORKING = '''
import os, signal, socket, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
s = socket.create_server(('127.0.0.1', int(sys.argv[1])), backlog=100)
while True:
    c, _ = s.accept()
    if not os.fork():
        c.recv(4096)
        c.send(b'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\nok')
        os._exit(0)
    c.close()
'''


@test
def forked_for_each(t):
    """a process for each request, gone before it could be asked: called what its parent is"""
    port = free_port()
    t.start([sys.executable, '-c', FORKING, str(port)],
            env={**os.environ, 'OTEL_SERVICE_NAME': 'shop'})
    wait_port(port)
    z = Zctrace(t, '--port', port, '-w', t.path('rec.pcapng'))
    for i in range(300):
        with socket.create_connection(('127.0.0.1', port)) as s:
            s.sendall(b'GET / HTTP/1.1\r\nhost: x\r\n\r\n')
            while s.recv(4096):
                pass
    spans = z.finish(300, kind='server')
    t.equal(len({s['pid'] for s in spans}), 300, 'processes')
    t.equal({s.get('service') for s in spans}, {'shop'}, 'what they are called')
    t.equal({s.get('service') for s in replay(t, t.path('rec.pcapng'))[0]}, {'shop'},
            'in the recording')


WORKERS = """
import multiprocessing, os, socket, sys

def serve(listener, depth):
    if depth:
        nested = multiprocessing.get_context(sys.argv[1]).Process(target=serve,
                                                                  args=(listener, depth - 1))
        nested.start()
        nested.join()
    while True:
        c, _ = listener.accept()
        c.recv(4096)
        c.send(b'HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\nconnection: close\\r\\n\\r\\nok')
        c.close()

if __name__ == '__main__':
    serve(socket.create_server(('127.0.0.1', int(sys.argv[2]))), int(sys.argv[3]))
"""


@test
def multiprocessing_workers(t):
    """Workers of Python's multiprocessing, however started, are called as who had them started"""
    script = t.file('cart.py', WORKERS)
    for how, depth in (('fork', 1), ('spawn', 1), ('spawn', 2), ('forkserver', 1)):
        port = free_port()
        server = t.start([sys.executable, script, how, str(port), str(depth)])
        wait_port(port)
        ask(f'127.0.0.1:{port}', 0)
        z = Zctrace(t, '--port', port)
        ask(f'127.0.0.1:{port}', 1)
        span, = z.finish(1, kind='server')
        t.check(span['pid'] != server.pid, f'{how}: a process of its own')
        t.equal(span.get('service'), 'cart', f'{how} {depth}: what it is called')


@test
def pods(t):
    """a pod of Kubernetes by name and by namespace, and the names that its spans carry"""
    need('unshare', 'mount')
    port, other = free_port(), free_port()
    uid = f'{os.urandom(4).hex()}-{"-".join(os.urandom(2).hex() for _ in range(3))}-' \
          f'{os.urandom(6).hex()}'
    path = os.path.join(cgroup_root(), f'kubepods-besteffort-pod{uid.replace("-", "_")}.slice')
    try:
        os.makedirs(path)
    except OSError as e:
        raise Skip(f'{path}: {e.strerror}') from e
    t.stack.callback(lambda: wait_for(lambda: not os.system(f'rmdir {path} 2>/dev/null'), 3, 0.1))
    t.file(f'pods/shop_cart-7d9f4c6b5d-x2x5k_{uid}/cart/0.log', '')
    script = t.file('server.py', chain.BACKEND)
    for p, enter in ((port, f'echo $$ > {path}/cgroup.procs; '), (other, '')):
        t.start(['sh', '-c', f'{enter}exec "$@"', 'sh', sys.executable, script, str(p)])
        wait_port(p)
    see = ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs zctrace /var/log && mkdir /var/log/pods && '
           f'mount --bind {t.path("pods")} /var/log/pods && exec "$@"', 'sh']
    for args in (('--pod', 'shop/cart-7d9f4c6b5d-x2x5k'), ('--pod', 'cart-7d9f4c6b5d-x2x5k'),
                 ('--namespace', 'shop')):
        z = Zctrace(t, *args, prefix=see)
        for i, p in enumerate((port, other)):
            ask(f'127.0.0.1:{p}', i)
        z.wait_spans(1)
        z.stop()
        t.equal([chain.query_id(s) for s in z.spans], ['0'], f'{args}: only its requests')
        t.check(all('k8s.namespace.name=shop,k8s.pod.name=cart-7d9f4c6b5d-x2x5k,'
                    'k8s.deployment.name=cart' in s.get('resource', '') for s in z.spans),
                f'{args}: resource {[s.get("resource") for s in z.spans]}')
    z = Zctrace(t, '--pod', 'web/cart', prefix=see, wait=False)
    t.equal(z.wait(), 2, 'exit status')
    t.check('pod web/cart: it is not on this host' in z.err(), z.err())


DNS = r"""
import socket, sys, time
name, delay = sys.argv[2], float(sys.argv[3])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
log = open(sys.argv[4], 'w')
while True:
    q, client = s.recvfrom(512)
    at, labels = 12, []
    while q[at]:
        labels.append(q[at + 1:at + 1 + q[at]].decode())
        at += 1 + q[at]
    question = q[12:at + 5]
    print('.'.join(labels), flush=True, file=log)
    time.sleep(delay)
    target = b''.join(bytes([len(x)]) + x.encode() for x in name.split('.')) + b'\0'
    found = labels[-1] == 'arpa' and q[at + 2] == 12
    answer = b'\xc0\x0c\0\x0c\0\x01\0\0\0\x3c' + len(target).to_bytes(2, 'big') + target
    s.sendto(q[:2] + (b'\x81\x80' if found else b'\x81\x83') + b'\0\1' +
             (b'\0\1' if found else b'\0\0') + b'\0\0\0\0' + question + (answer if found else b''),
             client)
"""


def with_etc(t, hosts, resolv):
    """A prefix that runs a command with these two files in /etc."""
    need('unshare', 'mount')
    t.file('hosts', hosts)
    t.file('resolv.conf', resolv)
    t.file('nsswitch.conf', 'hosts: dns\n')
    binds = [f'mount --bind {t.path(f)} /etc/{f}' for f in ('hosts', 'resolv.conf', 'nsswitch.conf')
             if os.path.exists(f'/etc/{f}')]
    return ['unshare', '-m', 'sh', '-c', ' && '.join([*binds, 'exec "$@"']), 'sh']


@test
def hosts_file(t):
    """/etc/hosts names a peer that is not on this host"""
    need('curl')
    ns = away(t)
    see = with_etc(t, f'{ns.addr_a} shop-a a\n{ns.addr_b} shop-b b # far\n', '')
    z = Zctrace(t, '-i', 'w0', '--port', '8080', prefix=[*ns.inside_a, *see])
    ask_from(t, ns, 'x')
    z.wait_spans(1)
    z.stop()
    t.equal(peers_of(z.spans), {('server', 'x'): 'shop-a'}, 'the caller')


SILENT = """
import socket
s = socket.create_server(('', 8081))
held = []
while True:
    held.append(s.accept())
"""


@test
def names_in_flight(t):
    """The dashboard has that name also for a request that waits for its answer"""
    need('curl', 'tmux')
    ns = away(t)
    t.start([*ns.inside_b, sys.executable, t.file('silent.py', SILENT)])
    wait_for(lambda: ':8081 ' in t.run([*ns.inside_b, 'ss', '-ltn']).stdout)
    see = with_etc(t, f'{ns.addr_a} shop-a a\n', '')
    with Tmux([*ns.inside_a, *see, ZCTRACE, '-o', 'top', '-i', 'w0', '--port', '8081'],
              (120, 30)) as term:
        term.wait('No requests')
        t.start([*ns.inside_a, 'curl', '-s', f'http://{ns.addr_b}:8081/held'])
        term.keys('4')
        s = term.wait('/held')
        t.check(re.search(r'waiting server +GET +/held .* shop-a\b', s), s)


@test
def resolve(t):
    """--resolve asks DNS: the name comes with later spans, and a slow server keeps nobody
    waiting"""
    need('curl')
    ns = away(t)
    for delay, name in ((0, 'fast.example'), (8, 'slow.example')):
        asked = t.path(f'asked-{name}')
        dns = t.start([*ns.inside_a, sys.executable, t.file('dns.py', DNS), '127.0.0.1', name,
                       str(delay), asked])
        wait_for(lambda: ':53 ' in t.run([*ns.inside_a, 'ss', '-lun']).stdout)
        see = with_etc(t, '', 'nameserver 127.0.0.1\n')
        z = Zctrace(t, '-i', 'w0', '--port', '8080', '--resolve', prefix=[*ns.inside_a, *see])
        ask_from(t, ns, 'first')
        begun = time.monotonic()
        z.wait_spans(1)
        t.check(not delay or time.monotonic() - begun < delay,
                f'{name}: a span that waited for DNS')
        time.sleep(0.5)
        ask_from(t, ns, 'second', 'third')
        z.wait_spans(3)
        begun = time.monotonic()
        z.stop()
        t.check(not delay or time.monotonic() - begun < delay,
                f'{name}: an end that waited for DNS')
        known = None if delay else name
        want = {('server', 'first'): None, ('server', 'second'): known, ('server', 'third'): known}
        t.equal(peers_of(z.spans), want, name)
        with open(asked, encoding='utf-8') as f:
            t.equal(f.read().split(), ['.'.join(reversed(ns.addr_a.split('.'))) + '.in-addr.arpa'],
                    f'{name}: questions')
        dns.kill()
        dns.wait()


sys.exit(main())
