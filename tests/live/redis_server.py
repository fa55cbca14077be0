"""A Redis server for the tests, and what it tells itself: MONITOR, INFO commandstats."""
import re
import socket
import sys

from h2tools import python_packages
from lib import free_port, need, wait_for, wait_port


class Redis:
    def __init__(self, t, *args, tls=None):
        need('redis-server', 'redis-cli')
        self.t, self.port, self.tls_port = t, free_port(), None
        argv = ['redis-server', '--port', str(self.port), '--bind', '127.0.0.1', '--save', '',
                '--appendonly', 'no', '--daemonize', 'no', '--dir', t.tmp, *args]
        if tls:
            self.tls_port = free_port()
            argv += ['--tls-port', str(self.tls_port), '--tls-cert-file', tls.path('ec.pem'),
                     '--tls-key-file', tls.path('ec.key'), '--tls-ca-cert-file', tls.ca,
                     '--tls-auth-clients', 'no']
        with open(t.path('redis.log'), 'wb') as log:
            self.p = t.start(argv, stdout=log, stderr=log)
        self.pid, self.addr = self.p.pid, ('127.0.0.1', self.port)
        wait_port(self.port)

    def cli(self, *args):
        return self.t.run(['redis-cli', '-p', str(self.port), *[str(a) for a in args]]).stdout

    def calls(self):
        """Commands since the last reset by name, as the server counts them."""
        rows = re.findall(r'^cmdstat_(\S+?):calls=(\d+)', self.cli('info', 'commandstats'), re.M)
        return {name.upper().replace('|', ' '): int(n) for name, n in rows}


class Raw:
    """A connection on which bytes are sent as they are given, and replies read as RESP2."""

    def __init__(self, addr):
        self.s = socket.create_connection(addr)
        self.s.settimeout(20)
        self.f = self.s.makefile('rb')
        self.port = self.s.getsockname()[1]

    @staticmethod
    def pack(*args):
        args = [a if isinstance(a, bytes) else str(a).encode() for a in args]
        return b'*%d\r\n' % len(args) + b''.join(b'$%d\r\n%s\r\n' % (len(a), a) for a in args)

    def send(self, *args):
        self.s.sendall(self.pack(*args))

    def reply(self):
        line = self.f.readline()
        kind, rest = line[:1], line[1:-2]
        if kind == b'$':
            return None if rest == b'-1' else self.f.read(int(rest) + 2)[:-2]
        if kind == b'*':
            return None if rest == b'-1' else [self.reply() for _ in range(int(rest))]
        return int(rest) if kind == b':' else rest.decode()

    def call(self, *args):
        self.send(*args)
        return self.reply()

    def close(self):
        self.f.close()
        self.s.close()


class Monitor:
    """What MONITOR says: (database, who, [words])."""

    LINE = re.compile(r'^\d+\.\d+ \[(\d+) ([^]]+)\] (.*)$')

    def __init__(self, addr):
        self.c = Raw(addr)
        assert self.c.call('MONITOR') == 'OK'

    def until(self, word):
        rows = []
        while True:
            m = self.LINE.match(self.c.reply())
            words = [w.replace('\\"', '"') for w in re.findall(r'"((?:\\.|[^"\\])*)"', m[3])]
            if words[-1] == word:
                return rows
            rows.append((int(m[1]), m[2], words))


def python_client(t, script, *args):
    """Runs a Python program that may import redis; returns what it printed."""
    where = python_packages(t, 'redis==5.2.1')
    p = t.run([sys.executable, '-c', script, *[str(a) for a in args]], env={'PYTHONPATH': where,
              'PATH': '/usr/bin:/bin'})
    t.equal(p.returncode, 0, f'the client: {p.stderr[-800:]}')
    return p.stdout


