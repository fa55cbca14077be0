#!/usr/bin/env python3
"""Instructions per exchange in replay, beside what is aimed at. They repeat to the digit.

With --parts, where they go: of a recording, divided by the exchanges that it shows.

usage: bench_instructions.py [EXCHANGES]
       bench_instructions.py --parts [RECORDING]
"""
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ZCTRACE = os.environ.get('ZCTRACE', os.path.join(ROOT, 'zctrace'))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'loss')]
import aims  # noqa: E402
import tcp  # noqa: E402

PER_CONNECTION = 1000
AIMS = {'summary': 3500, 'json': 6000, 'text': None}
REQUEST = ('GET /item{} HTTP/1.1\r\nConnection: Keep-Alive\r\nHost: 127.0.0.1:18777\r\n'
           'User-Agent: bench/1.0{}\r\nAccept: */*\r\n\r\n')
RESPONSE = ('HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 29 Nov 2026 08:41:{:02} GMT\r\n'
            'Content-Type: text/plain\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n'
            'hello world\n')


def exchanges(n, differ):
    """Frames of n exchanges; differ: no two heads of a connection are the same."""
    for first in range(0, n, PER_CONNECTION):
        addr = ((b'\x0a\0\0\x01', 20000 + first // PER_CONNECTION), (b'\x0a\0\0\x02', 80))
        seq, t = [1, 1], 1700000000.0 + first * 1e-3
        packets = [(t, 0, 2, 0, 0, b''), (t, 1, 2 | tcp.ACK, 0, 1, b'')]
        for i in range(min(PER_CONNECTION, n - first)):
            mark = f'?{i}' if differ else ''
            for d, text in ((0, REQUEST.format(mark, mark)),
                            (1, RESPONSE.format(i % 60 if differ else 0))):
                t += 1e-4
                packets.append((t, d, tcp.ACK | 8, seq[d], seq[1 - d], text.encode()))
                seq[d] += len(text)
        yield from tcp.frames(packets, addr)


def record(path, n, differ):
    capture = path + '.pcap'
    tcp.write_pcap(capture, exchanges(n, differ))
    subprocess.run([ZCTRACE, '-q', '-r', capture, '-w', path, '-o', 'summary'], check=True,
                   stdout=subprocess.DEVNULL)


def instructions(path, form):
    p = subprocess.run(['valgrind', '--tool=callgrind', '--callgrind-out-file=/dev/null', ZCTRACE,
                        '-q', '-r', path, '-o', form], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE, text=True)
    return int(re.search(r'Collected : (\d+)', p.stderr).group(1))


# what a source file is counted for, the first that fits
PARTS = (
    ('reading the recording', r'core/(recording|bytes|unpack|source_file)'),
    ('messages become exchanges',
     r'core/(pairing|certainty|queue|doubted|pending_read|withheld|keyed)|parsers/protocol\.h'),
    ('parsers', r'parsers/'),
    ('links and ids', r'core/(link|exchange_link|id\.|habit)'),
    ('exchanges and spans', r'core/(exchange|block|span|naming|tls_info|tls_library)'),
    ('routes, the table', r'core/(route|red|hist)'),
    ('connections, order, policies', r'core/'),
    ('what is printed', r'sinks/'),
    ('events and spans in cli/', r'cli/'),
    ('memcpy, memcmp and their like', r'string/|malloc/|stdlib/|popcount'),
    ('start and end of the program', r''),
)


def parts(path, form):
    """Instructions for each exchange by part."""
    with tempfile.TemporaryDirectory(prefix='zctrace-bench-') as work:
        out = os.path.join(work, 'out')
        p = subprocess.run(['valgrind', '--tool=callgrind', '--callgrind-out-file=' + out, ZCTRACE,
                            '-r', path, '-o', form], check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE, text=True)
        spans = int(re.search(r'(\d+) spans shown', p.stderr).group(1))
        text = subprocess.run(['callgrind_annotate', '--threshold=100', '--auto=no', out],
                              check=True, capture_output=True, text=True).stdout
    sums = dict.fromkeys([name for name, _ in PARTS], 0)
    for line in text.splitlines():
        m = re.match(r'\s*([\d,]+) \([ \d.]+%\)\s+(\S+):\S', line)
        if m:
            name = next(name for name, files in PARTS if re.search(files, m.group(2)))
            sums[name] += int(m.group(1).replace(',', ''))
    return {name: n / spans for name, n in sums.items()}


def show_parts(path):
    columns = [parts(path, form) for form in ('json', 'summary')]
    print(f'{"instructions per exchange":32}{"json":>10}{"summary":>10}')
    for name, _ in PARTS:
        print(f'{name:32}' + ''.join(f'{c[name]:10,.0f}' for c in columns))
    print(f'{"all":32}' + ''.join(f'{sum(c.values()):10,.0f}' for c in columns))


def main():
    if sys.argv[1:2] == ['--parts']:
        if sys.argv[2:]:
            show_parts(sys.argv[2])
            return
        with tempfile.TemporaryDirectory(prefix='zctrace-bench-') as work:
            record(os.path.join(work, 'bench'), 20000, 0)
            show_parts(os.path.join(work, 'bench'))
        return
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    print(f'{"instructions per exchange, replay":36}{"aim":>8}{"same heads":>12}{"all differ":>12}')
    with tempfile.TemporaryDirectory(prefix='zctrace-bench-') as work:
        path = os.path.join(work, 'bench')
        for differ in (0, 1):
            for part in (1, 2):
                record(f'{path}.{differ}.{part}', n * part, differ)
        for form, aim in AIMS.items():
            # what begins and ends with the program is in both, and not in their difference
            each = [(instructions(f'{path}.{differ}.2', form) -
                     instructions(f'{path}.{differ}.1', form)) / n for differ in (0, 1)]
            print(f'-o {form:33}{aim or "-":>8}{each[0]:12.0f}{each[1]:12.0f}', flush=True)
            if aim:
                aims.tell(f'instructions per exchange, -o {form}', each[0], aim)


if __name__ == '__main__':
    main()
