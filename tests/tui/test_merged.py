#!/usr/bin/env python3
"""Two captures merged in the dashboard: one clock, whole traces, playing and going back."""
import os
import re
import struct
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

CLIENT, SERVER = bytes([10, 0, 0, 1]), bytes([10, 0, 0, 2])
SYN, FIN, ACK = 2, 1, 16
BEGIN = 1_700_000_000_000_000  # µs
WAY, AHEAD = 400, 3_000_000


class Capture:
    """What tcpdump on one of two hosts sees of one connection; times in µs."""

    def __init__(self, path, server):
        self.server = server
        self.packets = []
        self.path = path

    def see(self, time, port, up, seq, ack, flags, payload=b''):
        src, dst = ((CLIENT, port), (SERVER, 80)) if up else ((SERVER, 80), (CLIENT, port))
        tcp = struct.pack('>HHIIBBHHH', src[1], dst[1], seq, ack, 0x50, flags, 1000, 0, 0) + payload
        ip = struct.pack('>BBHHHBBH4s4s', 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, src[0], dst[0])
        arrives = time + (WAY if up == self.server else 0) + (AHEAD if self.server else 0)
        self.packets.append((BEGIN + arrives, ip + tcp))

    def save(self):
        with open(self.path, 'wb') as f:
            f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 101))
            for time, p in sorted(self.packets):
                f.write(struct.pack('<IIII', time // 10**6, time % 10**6, len(p), len(p)) + p)


def captures():
    """Five requests a second, for six seconds, each on a connection of its own."""
    both = [Capture('front.pcap', False), Capture('back.pcap', True)]
    for i in range(30):
        time, port, c, s = i * 200_000, 40000 + i, 5000 * i, 9000 * i + 77
        request = b'GET /item?id=%d HTTP/1.1\r\nHost: shop\r\n\r\n' % i
        reply = b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
        for at, up, seq, ack, flags, payload in (
                (0, True, c, 0, SYN, b''), (900, False, s, c + 1, SYN | ACK, b''),
                (2000, True, c + 1, s + 1, ACK, request),
                (2000 + WAY + 10_000, False, s + 1, c + 1 + len(request), ACK, reply),
                (20_000, True, c + 1 + len(request), s + 1 + len(reply), FIN | ACK, b''),
                (21_000, False, s + 1 + len(reply), c + 2 + len(request), FIN | ACK, b'')):
            for one in both:
                one.see(time + at, port, up, seq, ack, flags, payload)
    for one in both:
        one.save()


def go_to(term, when):
    term.keys('t')
    term.wait('go to')
    term.type(when)
    return term.press('Enter')


def run(folder):
    args = [t.ZCTRACE, '-o', 'top', '-r', 'front.pcap', '-r', 'back.pcap']
    with t.Tmux(args, (100, 30), folder) as term:
        term.to_end()
        s = term.press('e')
        t.check('front.pcap, back.pcap' in s, 'the head names both files', s)
        t.check(re.search(r'clnt +GET +/item .* 30$', s, re.M) and
                re.search(r'serv +GET +/item .* 30$', s, re.M), 'calls and what serves them', s)
        s = term.press('6')
        t.check(re.search(r'back.pcap: clock 3\.000\d+ s ahead of that of front.pcap, to within '
                          r'0.000', s),
                'Health tells of the clocks', s)
        s = term.press('3')
        roots = re.findall(r'▾ GET /item', s)
        ends = re.findall(r'└ GET /item\S* +200 +socket', s)
        t.check(len(roots) >= 10 and abs(len(roots) - len(ends)) <= 1, 'traces are whole', s)
        times = re.findall(r'^\S+ +10\.8ms ▾.*\n +10\.0ms   └', s, re.M)
        t.check(len(times) >= 10, 'the way out and back is in them, and no clock', s)
        s = go_to(term, '2s')
        t.check('stopped 0:02.0' in s or 'playing 0:02.0' in s, 'goes back to a time', s)
        s = term.press('1')
        t.check(re.search(r'clnt +GET +/item .* 1[01]$', s, re.M) and
                re.search(r'serv +GET +/item .* 1[01]$', s, re.M), 'where there is what was there',
                s)
        before = [int(x) for x in re.findall(r'GET +/item .* (\d+)$', s, re.M)]
        s = term.press('.')
        after = [int(x) for x in re.findall(r'GET +/item .* (\d+)$', s, re.M)]
        t.check(sum(after) == sum(before) + 1, '. steps by one span in a table, too', before, after)
        s = term.press('6')
        t.check(len(re.findall('back.pcap: clock', s)) == 1,
                'what was said of clocks is not repeated', s)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        captures()
        run(folder)
    return t.done()


sys.exit(main())
