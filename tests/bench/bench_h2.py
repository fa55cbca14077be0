#!/usr/bin/env python3
"""What tracing HTTP/2 costs: streams per second of nghttpd under h2load, as ratios, and of replay.

Each round measures with zctrace between two runs without; the median of the ratios is told.
usage: bench_h2.py [ROUNDS [STREAMS]]
"""
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from aims import parts, tell

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ZCTRACE = os.path.join(ROOT, 'zctrace')
PORT = 18481
OF_NONE = 0.85  # what is aimed at, of small streams
os.environ['PATH'] += ':/usr/sbin:/sbin'


def h2load(n, path):
    out = subprocess.run(['h2load', '-n', str(n), '-c', '8', '-m', '16',
                          f'http://127.0.0.1:{PORT}{path}'],
                         capture_output=True, text=True, check=True).stdout
    if f'{n} succeeded' not in out:
        raise SystemExit(out)
    return float(re.search(r'([\d.]+) req/s', out).group(1))


def zctrace(work, *args):
    p = subprocess.Popen([ZCTRACE, '-P', str(PORT), *args],
                         stdout=open(os.path.join(work, 'out'), 'wb'),
                         stderr=subprocess.PIPE, text=True)
    while 'tracing' not in p.stderr.readline():
        if p.poll() is not None:
            raise SystemExit('zctrace does not trace here')
    return p


def end(p):
    time.sleep(0.5)
    p.send_signal(signal.SIGINT)
    return p.communicate(timeout=30)[1].strip().splitlines()[-1]


def ratios(work, rounds, n, path):
    found, last = [], ''
    h2load(n // 4, path)
    before = h2load(n, path)
    for _ in range(rounds):
        p = zctrace(work, '-o', 'json')
        traced = h2load(n, path)
        last = end(p)
        after = h2load(n, path)
        found.append(traced / ((before + after) / 2))
        before = after
    print(f'h2load of {path} against nghttpd, zctrace -o json: {statistics.median(found):.3f} '
          f'({min(found):.3f}..{max(found):.3f}) of {before:.0f} streams/s')
    print(f'  of {n} streams: {last}')
    if path == '/small':
        tell('small streams of HTTP/2 with -o json, of none', statistics.median(found), OF_NONE,
             at_least=True)


def replay(work, n):
    recording = os.path.join(work, 'h2.pcapng')
    p = zctrace(work, '-o', 'summary', '-w', recording)
    h2load(n, '/small')
    end(p)
    begun = time.time()
    done = subprocess.run([ZCTRACE, '-r', recording, '-o', 'json'], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True, check=True)
    spans = int(re.search(r'(\d+) spans', done.stderr).group(1))
    print(f'replay -o json: {spans} streams, {spans / (time.time() - begun):.0f} streams/s')


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 100000
    if not shutil.which('nghttpd') or not shutil.which('h2load'):
        print('no nghttpd or no h2load here: HTTP/2 is not measured')
        return 0
    work = tempfile.mkdtemp(prefix='zctrace-bench-h2-')
    for name, size in (('small', 600), ('large', 60000)):
        with open(os.path.join(work, name), 'w', encoding='ascii') as f:
            f.write('x' * size)
    server = subprocess.Popen(['nghttpd', '--no-tls', '-d', work, str(PORT)],
                              stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.5)
        return parts((ratios, work, rounds, n, '/small'),
                     (ratios, work, rounds, n // 10, '/large'), (replay, work, n))
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(work)


if __name__ == '__main__':
    sys.exit(main())
