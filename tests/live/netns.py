"""Two network namespaces with a wire between them: a veth pair, or a wire that misbehaves."""
import os
import subprocess

from lib import Skip, need

_count = iter(range(1000))


class Namespaces:
    """Namespaces a and b, 10.77.N.1 and 10.77.N.2; inside_a and inside_b are prefixes of
    commands."""

    def __init__(self, t, veth=True):
        need('ip')
        self.t = t
        n = (os.getpid() * 4 + next(_count)) % 250
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
