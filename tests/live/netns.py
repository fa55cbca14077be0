"""Two network namespaces with a wire between them: a veth pair, or a wire that misbehaves."""
import json
import os
import re
import subprocess
import sys

from lib import HERE, Skip, need, wait_for

_count = iter(range(1000))


class Namespaces:
    """Namespaces a and b, 10.77.N.1 and 10.77.N.2; inside_a and inside_b are prefixes of
    commands."""

    def __init__(self, t, veth=True):
        need('ip')
        self.t = t
        n = 10 + (os.getpid() * 4 + next(_count)) % 240  # below: who needs fixed addresses
        self.a, self.b = f'zca{os.getpid()}-{n}', f'zcb{os.getpid()}-{n}'
        self.addr_a, self.addr_b = f'10.77.{n}.1', f'10.77.{n}.2'
        self.inside_a = ['ip', 'netns', 'exec', self.a]
        self.inside_b = ['ip', 'netns', 'exec', self.b]
        for name in (self.a, self.b):
            self._ip('netns', 'add', name)
            t.stack.callback(subprocess.run, ['ip', 'netns', 'del', name],
                             stderr=subprocess.DEVNULL)
            self._ip('-n', name, 'link', 'set', 'lo', 'up')
        if veth:
            self._ip('-n', self.a, 'link', 'add', 'w0', 'type', 'veth', 'peer', 'name', 'w0',
                     'netns', self.b)
            self.up(self.a, self.addr_a)
            self.up(self.b, self.addr_b)

    def up(self, name, addr, mtu=1500):
        self._ip('-n', name, 'addr', 'add', f'{addr}/24', 'dev', 'w0')
        self._ip('-n', name, 'link', 'set', 'w0', 'mtu', str(mtu), 'up')

    def _ip(self, *args):
        p = self.t.run(['ip', *args])
        if p.returncode:
            raise Skip(f'ip {" ".join(args[:4])}: {p.stderr.strip()}')

    def know_neighbour(self):
        """Or segments of a wait for the address of b, and need not be sent again."""
        p = self.t.run(['ip', '-n', self.b, '-j', 'link', 'show', 'w0'])
        self._ip('-n', self.a, 'neigh', 'replace', self.addr_b, 'lladdr',
                 json.loads(p.stdout)[0]['address'], 'nud', 'permanent', 'dev', 'w0')

    def listens_in_b(self, port):
        """Waits for who listens there."""
        listens = [*self.inside_b, 'ss', '-Hltn', f'sport = :{port}']
        self.t.check(wait_for(lambda: self.t.run(listens).stdout, 20, 0.05), f'none on {port}')


class BadWire(Namespaces):
    """With a wire between them that misbehaves; faults: see wire.py."""

    def __init__(self, t, **faults):
        super().__init__(t, veth=False)
        self.wire = t.start([sys.executable, os.path.join(HERE, 'wire.py'), self.a, self.b,
                             *[f'{k}={v}' for k, v in faults.items()]],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.wire.stdout.readline() != b'ready\n':
            raise Skip(f'no TUN: {self.wire.stderr.read().decode().splitlines()[-1]}')
        self.up(self.a, self.addr_a)
        self.up(self.b, self.addr_b)

    def behave(self):
        """From now on nothing is lost, doubled or late."""
        self.wire.stdin.write(b'\n')
        self.wire.stdin.flush()

    def counts(self):
        """Ends it; what it did to how many packets."""
        self.wire.stdin.close()
        told = self.wire.stdout.readline().decode()
        self.wire.stdin = None
        return {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', told)}


def nstat(name, counter='TcpRetransSegs'):
    """What the kernel has counted in a namespace so far."""
    need('nstat')
    p = subprocess.run(['ip', 'netns', 'exec', name, 'nstat', '-asz', counter],
                       capture_output=True, text=True, check=True)
    return int(re.search(rf'{counter}\s+(\d+)', p.stdout)[1])


def counters(name):
    """All that the kernel has counted in a namespace so far, and its end of the wire."""
    need('nstat')
    p = subprocess.run(['ip', 'netns', 'exec', name, 'nstat', '-asz', '--json'],
                       capture_output=True, text=True, check=True)
    wire = subprocess.run(['ip', '-n', name, '-j', '-s', 'link', 'show', 'w0'],
                          capture_output=True, text=True, check=True)
    ways = json.loads(wire.stdout)[0]['stats64']
    return {**json.loads(p.stdout)['kernel'],
            **{f'{way}_{k}': ways[way][k] for way in ('rx', 'tx') for k in ('bytes', 'packets')}}


def one_segment_each(t, inside, name):
    """What goes over its end of the wire has heads of its own, and is of IPv4."""
    for argv in ([*inside, 'sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1'],
                 ['ip', '-n', name, 'link', 'set', 'w0', 'gso_max_segs', '1']):
        p = t.run(argv)
        if p.returncode:
            raise Skip(f'{" ".join(argv[-2:])}: {p.stderr}')
