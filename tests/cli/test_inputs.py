#!/usr/bin/env python3
"""Files and pipes that are read: formats, compression, growing ones, silent ones, damaged ones."""
import gzip
import json
import os
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'live')]

from capture import ETHERNET, OK, SLL, Conversation, Packets, ethernet, get, pcap  # noqa: E402
from lib import ZCTRACE, ZCTRACE_ASAN, main, test  # noqa: E402


def option(order, code, value):
    return struct.pack(order + 'HH', code, len(value)) + value + bytes(-len(value) % 4)


def block(order, kind, body):
    body += bytes(-len(body) % 4)
    size = struct.pack(order + 'I', 12 + len(body))
    return struct.pack(order + 'I', kind) + size + body + size


def section(order='<'):
    return block(order, 0x0a0d0d0a, struct.pack(order + 'IHHq', 0x1a2b3c4d, 1, 0, -1))


def interface(link, order='<', *options):
    return block(order, 1, struct.pack(order + 'HHI', link, 0, 0) + b''.join(options))


def packets_ng(packets, number=0, order='<', unit=1000, kind=6):
    out = b''
    for at, octets, size in packets.list:
        t = at // unit
        head = struct.pack(order + 'I', number) if kind == 6 else struct.pack(order + 'HH', number,
                                                                              0)
        out += block(order, kind, head + struct.pack(order + 'IIII', t >> 32, t & 0xffffffff,
                                                     len(octets), size) + octets)
    return out


def talk(path, wrap=ethernet, client=40001):
    p = Packets(wrap=wrap)
    c = Conversation(p, client=client)
    c.exchange(get(path), OK)
    c.end()
    return p


def sll(packet):
    return b'\0\0\0\1\0\6' + bytes(8) + b'\x08\0' + packet


def parse(text):
    lines = [json.loads(x) for x in text.splitlines()]
    return ([(s.get('path'), s.get('status')) for s in lines if s['type'] == 'span'],
            [x['text'] for x in lines if x.get('note') == 'packets-not-read'])


def shown(t, octets, *args, status=0, name='x'):
    with open(t.path(name), 'wb') as f:
        f.write(octets)
    for binary in (ZCTRACE_ASAN, ZCTRACE):
        p = t.run([binary, '-r', t.path(name), '-o', 'json', *args])
        t.equal(p.returncode, status, f'exit status: {p.stderr}')
    return (*parse(p.stdout), p.stderr)


def times(t, octets):
    with open(t.path('x'), 'wb') as f:
        f.write(octets)
    p = t.run([ZCTRACE, '-r', t.path('x'), '-o', 'json'])
    return [s['time'] for s in map(json.loads, p.stdout.splitlines()) if s['type'] == 'span']


@test
def interfaces(t):
    """1: pcapng with several interfaces, link types, sections, byte orders, units of time"""
    both = [('/a', 200), ('/b', 200)]
    a, b = talk('/a'), talk('/b', sll, 40002)
    for order in '<>':
        f = section(order) + interface(ETHERNET, order) + interface(SLL, order) + \
            packets_ng(a, 0, order) + packets_ng(b, 1, order)
        t.equal(shown(t, f)[:2], (both, []), f'two link types, {order}')
        t.equal(shown(t, section(order) + interface(SLL, order) + interface(ETHERNET, order) +
                      packets_ng(a, 1, order, kind=2))[0], both[:1], 'old blocks')
    f = section() + interface(ETHERNET) + packets_ng(a) + section('>') + \
        interface(SLL, '>') + packets_ng(b, 0, '>')
    t.equal(shown(t, f)[:2], (both, []), 'two sections')
    f = section() + interface(ETHERNET) + interface(147) + packets_ng(a) + packets_ng(b, 1)
    spans, notes, _ = shown(t, f)
    t.equal(spans, both[:1], 'of a link type that is not known, nothing')
    t.check(f'{len(b.list)} of a link type that cannot be read (147)' in notes[0], notes)
    f = section() + interface(ETHERNET) + packets_ng(a, 0) + packets_ng(b, 7)
    t.check(f'{len(b.list)} of interfaces that the file does not describe' in shown(t, f)[1][0],
            'a number too high')


@test
def units(t):
    """2: each unit and offset of times gives the same times"""
    a = talk('/a')
    want = times(t, pcap(a.list))
    t.equal(len(want), 1, 'a span')
    for name, resolution, unit in (('ms', 3, 10**6), ('us', 6, 1000), ('ns', 9, 1)):
        f = section() + interface(ETHERNET, '<',
                                  option('<', 9, bytes([resolution]))) + packets_ng(a, unit=unit)
        t.equal(times(t, f), want, name)
    f = section() + interface(ETHERNET, '<', option('<', 9, b'\x9e')) # 2^-30 s
    for at, octets, size in a.list:
        u = (at << 30) // 10**9 + 1
        f += block('<', 6, struct.pack('<IIIII', 0, u >> 32, u & 0xffffffff, len(octets), size) +
                   octets)
    t.equal(times(t, f), want, 'powers of two')
    early = Packets()
    early.list = [(at - 3600 * 10**9, *rest) for at, *rest in a.list]
    f = section() + interface(ETHERNET, '<', option('<', 14,
                                                    struct.pack('<q', 3600))) + packets_ng(early)
    t.equal(times(t, f), want, 'offset')
    swapped = b''.join(struct.pack('>IIII', at // 10**9, at % 10**9, len(o), n) + o for at, o,
                       n in a.list)
    t.equal(times(t, struct.pack('>IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 65535, 1) + swapped), want,
            'pcap, other byte order')
    k = b''.join(struct.pack('<IIIIIHBB', at // 10**9, at % 10**9 // 1000, len(o), n, 1, 8, 0, 0) +
                 o for at, o, n in a.list)
    t.equal(times(t, struct.pack('<IHHiIII', 0xa1b2cd34, 2, 4, 0, 0, 65535, 1) + k), want,
            "Kuznetzov's records")


@test
def told(t):
    """3: keys in the file, and what its maker dropped, are told"""
    a = talk('/a')
    keys = block('<', 10, struct.pack('<II', 0x544c534b, 3000000) +
                 bytes(3000000)) # larger than any packet
    dropped = block('<', 5, struct.pack('<III', 0, 0, 0) + option('<', 5, struct.pack('<Q', 17)))
    spans, notes, _ = shown(t, section() + interface(ETHERNET) + keys + packets_ng(a) + dropped)
    t.equal(spans, [('/a', 200)], 'spans')
    t.check(len(notes) == 1 and '17 dropped by whoever captured' in notes[0], notes)
    t.check('Decryption Secrets Block' in notes[0] and 'not used' in notes[0], notes)


@test
def compressed(t):
    """4: gzip and zstd, in one piece or several, cut off, damaged, from a pipe"""
    plain = pcap(talk('/a').list + talk('/b', client=40002).list)
    half = len(plain) // 2
    forms = {'gzip': gzip.compress(plain), 'members': gzip.compress(plain[:half]) +
             gzip.compress(plain[half:]),
             'padded': gzip.compress(plain) + bytes(512)}
    if shutil.which('zstd'):
        def zstd(octets):
            return subprocess.run(['zstd', '-q', '-c'], input=octets, stdout=subprocess.PIPE,
                                  check=True).stdout
        forms.update({'zstd': zstd(plain), 'frames': zstd(plain[:half]) +
                      b'\x50\x2a\x4d\x18\4\0\0\0skip' +
                      zstd(plain[half:])})
    want = [('/a', 200), ('/b', 200)]
    for name, octets in forms.items():
        t.equal(shown(t, octets)[:2], (want, []), name)
        p = subprocess.run([ZCTRACE, '-r', '-', '-o', 'json'], input=octets, stdout=subprocess.PIPE,
                           check=True)
        t.equal(parse(p.stdout.decode())[0], want, f'{name} from a pipe')
        p = t.run([ZCTRACE_ASAN, '-r', write(t,
                                             octets[:-20] if name != 'padded' else octets[:-540])])
        t.equal(p.returncode, 2 if name == 'zstd' else 1,
                f'{name}, cut: {p.stderr}') # zstd: nothing of its block
        t.check('compressed data is cut off' in p.stderr, f'{name}: {p.stderr}')
    damaged = bytearray(forms['gzip'])
    damaged[30] ^= 0xff
    p = t.run([ZCTRACE, '-r', write(t, damaged)])
    t.check(p.returncode in (1, 2) and 'compressed data is damaged' in p.stderr, p.stderr)
    p = t.run([ZCTRACE, '-r', write(t, b'\x28\xb5\x2f\xfd\0\xa8' + bytes(60))]) # of 2 GiB
    t.check(p.returncode == 2 and 'damaged' not in p.stderr and 'zstd -dc --long=31' in p.stderr,
            p.stderr)
    # a recording, too
    record = t.path('r.pcapng')
    t.run([ZCTRACE, '-r', write(t, plain), '-w', record, '-o', 'json'])
    with open(record, 'rb') as f:
        octets = f.read()
    t.equal(shown(t, gzip.compress(octets))[0], want, 'recording')
    t.equal(shown(t, gzip.compress(octets)[:-30], status=1)[0][:1], want[:1], 'cut recording')


def write(t, octets, name='w'):
    with open(t.path(name), 'wb') as f:
        f.write(octets)
    return t.path(name)


@test
def damage(t):
    """5: what is cut off or damaged is used up to there, at every length"""
    a = talk('/a')
    for f, name in ((pcap(a.list), 'pcap'), (section() + interface(ETHERNET) + packets_ng(a),
                                             'pcapng')):
        for n in range(24, len(f), 7):
            p = t.run([ZCTRACE_ASAN, '-r', write(t, f[:n]), '-o', 'json'])
            t.check(p.returncode in (0, 1) and 'ERROR' not in p.stderr,
                    f'{name} of {n} bytes: {p.stderr}')
            t.check(p.returncode == 0 or 'cut off at byte' in p.stderr,
                    f'{name} of {n} bytes: {p.stderr}')
    f = bytearray(pcap(a.list))
    f[24 + 8 + 3] = 0x7f
    t.check('damaged at byte 24; read up to there' in shown(t, bytes(f), status=1)[2],
            'a length that cannot be')


class Running:
    """zctrace with its lines as they come."""

    def __init__(self, *args, stdin=None):
        self.p = subprocess.Popen([ZCTRACE, '-o', 'json', *args], stdin=stdin,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE)
        self.had = b''

    def line(self, seconds=20):
        while b'\n' not in self.had:
            if not select.select([self.p.stdout], [], [], seconds)[0]:
                return {'path': 'nothing came'}
            octets = os.read(self.p.stdout.fileno(), 65536)
            if not octets:
                return {'path': 'it has ended'}
            self.had += octets
        line, _, self.had = self.had.partition(b'\n')
        return json.loads(line)

    def interrupt(self):
        """As soon as it heeds signals."""
        blocked = 0
        for _ in range(1000):
            with open(f'/proc/{self.p.pid}/status', encoding='ascii') as f:
                blocked = int(f.read().split('SigBlk:')[1].split()[0], 16)
            if blocked & 1 << signal.SIGINT - 1:
                break
            time.sleep(0.02)
        self.p.send_signal(signal.SIGINT)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.p.kill()
        self.p.communicate()


@test
def follow(t):
    """6: a file that grows is followed, in whatever pieces; it ends by a signal, -n, -d, and says
    if it shrinks"""
    a = talk('/a').list
    f = pcap(a + talk('/b', client=40002).list)
    for octets, cut in ((f, 3), (f, 30), (f, len(pcap(a)) + 5), (gzip.compress(f), 15)):
        path = write(t, octets[:cut])
        with Running('-r', path, '--follow-file') as z, open(path, 'ab') as grow:
            time.sleep(0.2)
            t.check(z.p.poll() is None, 'it waits')
            grow.write(octets[cut:])
            grow.flush()
            t.equal([z.line()['path'] for _ in range(2)], ['/a', '/b'], f'cut at {cut}')
            z.interrupt()
            t.equal(z.p.wait(20), 0, 'a signal ends it')
    path = write(t, f)
    p = t.run([ZCTRACE, '-r', path, '--follow-file', '-n', '1', '-o', 'json'])
    t.equal((p.returncode, len(parse(p.stdout)[0])), (0, 1), '-n')
    p = t.run([ZCTRACE, '-r', path, '--follow-file', '-d', '300ms', '-o', 'json'])
    t.equal((p.returncode, len(parse(p.stdout)[0])), (0, 2), '-d')
    with Running('-r', path, '--follow-file') as z:
        t.equal([z.line()['path'] for _ in range(2)], ['/a', '/b'], 'spans')
        os.truncate(path, 10)
        t.equal(z.p.wait(20), 1, 'a file that shrinks ends it')
        t.check(b'has become shorter while it was read' in z.p.stderr.read(), 'and is told')
    path = write(t, f, 'old')
    with Running('-r', path, '--follow-file') as z:
        t.equal([z.line()['path'] for _ in range(2)], ['/a', '/b'], 'spans')
        os.rename(path, path + '.1')
        time.sleep(0.5)
        t.check(z.p.poll() is None, 'a file that is moved is followed')
        write(t, f, 'old')
        t.equal(z.p.wait(20), 1, 'another one of its name ends it')
        t.check(b'has been replaced by another file' in z.p.stderr.read(), 'and is told')
    p = t.run([ZCTRACE, '--port', '1', '--follow-file'])
    t.check(p.returncode == 2 and '--follow-file' in p.stderr, p.stderr)


@test
def followed_recording(t):
    """7: a recording that is followed ends with its own end"""
    record = t.path('r.pcapng')
    t.run([ZCTRACE, '-r', write(t, pcap(talk('/a').list)), '-w', record, '-o', 'json'])
    with open(record, 'rb') as f:
        octets = f.read()
    path = write(t, octets[:len(octets) // 2], 'g')
    with Running('-r', path, '--follow-file') as z:
        time.sleep(0.2)
        t.check(z.p.poll() is None, 'it waits')
        with open(path, 'ab') as f:
            f.write(octets[len(octets) // 2:])
        t.equal((z.line()['path'], z.p.wait(20)), ('/a', 0), 'a span, and the end')


@test
def silent(t):
    """8: a pipe in which nothing comes, or nothing more, obeys -d and signals"""
    f = pcap(talk('/a').list)
    for before in (0, 2, 30, len(f) - 100, len(f)):
        for how in ('-d', 'signal'):
            r, w = os.pipe()
            os.write(w, f[:before])
            with Running('-r', '-', *(['-d', '300ms'] if how == '-d' else []), stdin=r) as z:
                os.close(r)
                if how == 'signal':
                    z.interrupt()
                try:
                    t.equal(z.p.wait(20), 0, f'{how} after {before} bytes')
                except subprocess.TimeoutExpired:
                    t.check(False, f'{how} after {before} bytes is not obeyed')
                os.close(w)
    # a slow one is not cut short
    r, w = os.pipe()

    def drip():
        for i in range(0, len(f), 64):
            os.write(w, f[i:i + 64])
            time.sleep(0.02)
        os.close(w)
    thread = threading.Thread(target=drip)
    with Running('-r', '-', '-d', '5s', stdin=r) as z:
        os.close(r)
        thread.start()
        t.equal(z.line()['path'], '/a', 'a slow pipe')
        thread.join()


@test
def untouched(t):
    """9: what is read stays as it is, by whatever name it is to be written"""
    f = pcap(talk('/a').list)
    path = write(t, f)
    os.symlink(path, t.path('link'))
    os.link(path, t.path('hard'))
    for target in (path, t.path('link'), t.path('hard')):
        t.equal(t.run([ZCTRACE, '-r', path, '-w', target]).returncode, 2, f'-w {target}')
    with open(path, 'rb') as g:
        t.check(g.read() == f, 'its bytes')


sys.exit(main(needs_bpf=False))
