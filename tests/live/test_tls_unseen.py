#!/usr/bin/env python3
"""TLS that stays encrypted: why, on the very span, and what helps from --doctor."""
import json
import os
import shutil
import subprocess
import sys

from h2tools import go_build
from lib import (HERE, ZCTRACE, Skip, Zctrace, free_port, main, need, replay, test, wait_for,
                 wait_port)
from tls_targets import Peer, certs, openssl

LIGHTTPD = '''server.modules = ("mod_{library}")
server.document-root = "{dir}"
server.bind = "127.0.0.1"
server.port = {port}
server.errorlog = "{dir}/error.log"
ssl.engine = "enable"
ssl.pemfile = "{pem}"
ssl.privkey = "{key}"
'''
MODULES = (('mbedtls', 'Mbed TLS'), ('wolfssl', 'wolfSSL'), ('nss', 'NSS'))


def ask(t, port):
    p = t.run(['curl', '-sk', '--http1.1', '-o', '/dev/null', '-w', '%{http_code}',
               f'https://localhost:{port}/'])
    return t.check(p.stdout in ('200', '403'), f'curl: {p.stdout} {p.stderr}')


def remedies(t, pid, what):
    """What --doctor says of those that are blind in a process, in its one row for them."""
    p = t.run([ZCTRACE, '--doctor', '-o', 'json', '--pid', str(pid)])
    lines = [line for line in p.stdout.splitlines() if what in line and '"blind"' in line]
    return t.check(len(lines) == 1 and '"remedy":"' in lines[0], f'--doctor: {p.stdout}')


def lighttpd(t, library):
    need('lighttpd', 'curl')
    if not os.path.exists(f'/usr/lib/lighttpd/mod_{library}.so'):
        raise Skip(f'no mod_{library} of lighttpd here')
    port, (pem, key) = free_port(), certs().pair('ec')
    conf = t.file(f'{library}/conf', LIGHTTPD.format(library=library, dir=t.path(library),
                                                     port=port, pem=pem, key=key))
    p = t.start(['lighttpd', '-D', '-f', conf], stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL)
    wait_port(port)
    return p, port


def spans_say(t, z, n, why):
    """n spans of protocol tls say so, and nothing else is told."""
    spans = z.finish(n, protocol='tls')
    t.equal([(s['kind'], s['tls'], s.get('tls_unseen'), s.get('error')) for s in z.spans],
            [('server', 'unknown', why, None)] * n, 'spans')
    return spans


@test
def libraries(t):
    """lighttpd with Mbed TLS, wolfSSL and NSS: each is named on its connections"""
    tried = 0
    for library, name in MODULES:
        try:
            p, port = lighttpd(t, library)
        except Skip:
            continue
        tried += 1
        z = Zctrace(t, '--port', port)
        ask(t, port)
        ask(t, port)
        spans_say(t, z, 2, f'{name} cannot be probed')
        remedies(t, p.pid, f'TLS by {name}')
    if not tried:
        raise Skip('no lighttpd with another TLS library here')


@test
def text_and_recording(t):
    """a line of text says it, and so does a recording when its process is gone"""
    for library, name in MODULES:
        try:
            p, port = lighttpd(t, library)
            break
        except Skip:
            continue
    else:
        raise Skip('no lighttpd with another TLS library here')
    z = Zctrace(t, '--port', port, '-w', t.path('rec'), output='text')
    ask(t, port)
    wait_for(lambda: 'unseen=' in z.out(), 20, 0.05)
    z.stop()
    t.check(f' unseen=[{name} cannot be probed]' in z.out(), z.out())
    p.kill()
    p.wait()
    spans, _ = replay(t, t.path('rec'))
    t.equal([s.get('tls_unseen') for s in spans], [f'{name} cannot be probed'], 'replayed')


@test
def java(t):
    """Java's own TLS"""
    need('java', 'javac', 'curl')
    store = t.path('keys.p12')
    openssl('pkcs12', '-export', '-in', certs().pair()[0], '-inkey', certs().pair()[1], '-passout',
            'pass:secret', '-out', store)
    server = Peer(t, ['java', os.path.join(HERE, 'HttpsEdge.java'), store, 'secret'])
    z = Zctrace(t, '--port', server.port)
    ask(t, server.port)
    spans_say(t, z, 1, "Java's own TLS (JSSE) cannot be probed")
    remedies(t, server.pid, 'TLS inside Java')


@test
def unreadable(t):
    """a program that others may not read: which capability is missing, and no other"""
    need('go', 'curl', 'setpriv')
    if os.geteuid():
        raise Skip('needs to be root, to give it up')
    program, binary = t.path('program'), t.path('zctrace')
    shutil.copy(go_build('gotls'), program)
    os.chmod(program, 0o700)
    shutil.copy(ZCTRACE, binary)
    server = Peer(t, [program, 'server', *certs().pair()])
    held = '+bpf,+perfmon,+net_admin,+sys_ptrace'
    unread = 'files that it has mapped may not be opened: CAP_DAC_READ_SEARCH missing'
    for caps, why in ((held, unread),
                      (held + ',+dac_read_search', None)):
        user = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
                f'--inh-caps=-all,{caps}', f'--ambient-caps=-all,{caps}',
                f'--bounding-set=-all,{caps}']
        z = Zctrace(t, '--port', server.port, binary=binary, prefix=user)
        t.run(['curl', '-sk', '-o', '/dev/null', f'https://localhost:{server.port}/'])
        spans = z.finish(1, kind='server')
        t.equal([(s['tls'], s.get('tls_unseen')) for s in spans],
                [('unknown', why) if why else ('go', None)], f'spans with {caps}')
        p = t.run([*user, binary, '--doctor', '-o', 'json', '--port', str(server.port)])
        rows = {r.get('check'): r for r in map(json.loads, p.stdout.splitlines())}
        if why:
            t.equal(rows.get('owners', {}).get('remedy'),
                    'run as root, or with CAP_DAC_READ_SEARCH', f'--doctor: {p.stdout}')
        else:
            t.check('owners' not in rows, f'--doctor: {p.stdout}')
            t.check(not [n for n in z.notes if n['note'] == 'names-unseen'], 'names are read')
    z = Zctrace(t, '--port', server.port, binary=binary,
                prefix=[a.replace(',+sys_ptrace', '') for a in user])
    t.run(['curl', '-sk', '-o', '/dev/null', f'https://localhost:{server.port}/'])
    t.equal([s.get('service') for s in z.finish(1, kind='server')], [None], 'no name')
    t.equal([n['text'] for n in z.notes if n['note'] == 'names-unseen'],
            ['processes of other users have no names here: CAP_SYS_PTRACE missing'], 'why not')


@test
def not_http(t):
    """a library that is probed, and carries what nobody knows: that is said instead"""
    port, (pem, key) = free_port(), certs().pair()
    need('openssl')
    t.start(['openssl', 's_server', '-accept', f'127.0.0.1:{port}', '-cert', pem, '-key', key,
             '-rev', '-quiet'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    z = Zctrace(t, '--port', port)
    p = t.run(['sh', '-c', f'echo abc | timeout 20 openssl s_client -quiet -no_ign_eof -connect '
               f'127.0.0.1:{port}'])
    spans = z.finish(1, protocol='tls')
    t.equal([s.get('tls_unseen') for s in spans],
            ['its cleartext is of no protocol that is known'], f'spans; client: {p.stdout}')


@test
def nothing_sent(t):
    """a handshake with nothing behind it: no library is to blame"""
    need('openssl')
    port, (pem, key) = free_port(), certs().pair()
    t.start(['openssl', 's_server', '-accept', f'127.0.0.1:{port}', '-cert', pem, '-key', key,
             '-www', '-quiet'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    z = Zctrace(t, '--port', port)
    t.run(['openssl', 's_client', '-connect', f'127.0.0.1:{port}'])
    spans = z.finish(1, protocol='tls')
    t.equal([(s['tls'], s.get('tls_unseen')) for s in spans],
            [('openssl', 'nothing was read or written in it')], 'spans')


@test
def outside(t):
    """a server outside of our PID namespace lives on, though its files cannot be found"""
    need('openssl', 'curl', 'unshare')
    inside = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
    if t.run([*inside, 'true']).returncode:
        raise Skip('no PID namespaces here')
    port, (pem, key) = free_port(), certs().pair()
    t.start(['openssl', 's_server', '-accept', f'127.0.0.1:{port}', '-cert', pem, '-key', key,
             '-www', '-quiet'], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_port(port)
    z = Zctrace(t, '--port', port, '--role', 'server', '-n', 1, prefix=inside)
    ask(t, port)
    wait_for(lambda: z.p.poll() is not None, 20)
    t.equal([s.get('tls_unseen') for s in z.spans],
            ['it is outside of this PID namespace, where /proc has no files of it'], 'spans')


if __name__ == '__main__':
    sys.exit(main())
