"""What each capability is needed for, by trying: as a user that is nobody, with some and no more.

The targets are root's: nginx with HTTP and HTTPS, a Go program whose file nobody else may read, and
a Python program whose copy of OpenSSL has been deleted from the disk.
"""
import json
import os
import shutil
import subprocess
import sys
import time

from lib import HERE, ZCTRACE, Zctrace

LIBSSL = ('/usr/lib/x86_64-linux-gnu/libssl.so.3', '/usr/lib64/libssl.so.3')

PROBES = ('bpf', 'perfmon', 'net_admin')
SETS = {
    'without bpf': ('perfmon', 'net_admin', 'sys_ptrace'),
    'without perfmon': ('bpf', 'net_admin', 'sys_ptrace'),
    'without net_admin': ('bpf', 'perfmon', 'sys_ptrace'),
    'the three': PROBES,
    '+ sys_ptrace': (*PROBES, 'sys_ptrace'),
    '+ sys_ptrace, dac_read_search': (*PROBES, 'sys_ptrace', 'dac_read_search'),
    '+ sys_ptrace, dac_read_search, checkpoint_restore': (*PROBES, 'sys_ptrace', 'dac_read_search',
                                                          'checkpoint_restore'),
    '+ sys_ptrace, sys_admin': (*PROBES, 'sys_ptrace', 'sys_admin'),
    'all of these': (*PROBES, 'sys_ptrace', 'sys_admin', 'dac_read_search', 'checkpoint_restore'),
    'net_raw': ('net_raw',),
}
TIMES = 3


def ask(url):
    for _ in range(TIMES):
        subprocess.run(['curl', '-skg', '-m', '20', '-o', '/dev/null', '--http1.1', url],
                       check=True)


def with_set(t, capabilities, urls, program):
    """{kind: how many of TIMES were seen}; {'refused': why} if it does not trace."""
    keep = ','.join(['-all'] + ['+' + c for c in capabilities])
    prefix = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--inh-caps',
              keep,
              '--ambient-caps', keep, '--bounding-set', keep]
    what = ['-i', 'lo'] if capabilities == ('net_raw',
                                            ) else [x for p in urls for x in ('--port', urls[p][1])]
    z = Zctrace(t, *what, wait=False, prefix=prefix, binary=program)
    try:
        z.wait_tracing(120)
    except AssertionError as e:
        return {'refused': str(e)[-200:]}
    for url, _ in urls.values():
        ask(url)
    time.sleep(1.5)
    z.p.send_signal(2)
    z.wait()
    seen = {}
    for name, (url, port) in urls.items():
        path = '/' + url.split('/', 3)[3]
        good = [s for s in z.spans if s['kind'] == 'server' and s.get('path') == path and
                s.get('server_port') == port]
        seen[name] = sum(not s.get('incomplete') for s in good)
        if name == 'http':
            seen['named'] = sum(s.get('comm') == 'nginx' and s.get('service') == 'nginx'
                                for s in good)
    seen['backend'] = z.err().split('(backend ')[-1].split(')')[0]
    return seen


def deleted(t):
    """The port of a server with TLS whose library is deleted."""
    shutil.copy(next(p for p in LIBSSL if os.path.exists(p)), t.path('libssl.so.3'))
    p = t.start([sys.executable, os.path.join(HERE, 'tls_peer.py'), 'server-threads',
                 t.path('cert'), t.path('key')],
                stdout=subprocess.PIPE, text=True, env=dict(os.environ, LD_LIBRARY_PATH=t.tmp))
    port = json.loads(p.stdout.readline())['port']
    os.unlink(t.path('libssl.so.3'))
    return port


def measure(t, web):
    """{name of the set: with_set()}; web(t) starts nginx and Go's server, and returns the latter's
    port."""
    shutil.copy(os.environ['GOTLS'], t.path('unreadable'))
    os.chmod(t.path('unreadable'), 0o700)
    os.environ['GOTLS'] = t.path('unreadable')
    go = web(t)
    old = deleted(t)
    shutil.copy(ZCTRACE, t.path('program'))
    os.chmod(t.path('program'), 0o755)
    urls = {'http': ('http://127.0.0.1:8080/r/a', 8080),
            'tls': ('https://127.0.0.1:8444/r/c', 8444),
            'unreadable': (f'https://127.0.0.1:{go}/size/300', go),
            'deleted': (f'https://127.0.0.1:{old}/size/30', old)}
    found = {}
    for name, capabilities in SETS.items():
        found[name] = with_set(t, capabilities, urls, t.path('program'))
    return found
