#!/usr/bin/env python3
"""What tracing TLS costs: throughput of nginx under wrk by HTTPS, as ratios, and per call.

Empty programs at the places of nginx's OpenSSL that zctrace probes, and at their functions'
returns, show what the probes cost before anything is done in them; the same at the first
instructions of SSL_read and SSL_write show what is gained by choosing places where the kernel
emulates the instruction. Each round measures every observer between two runs without one;
the table shows the median of the rounds' ratios.

usage: bench_tls.py [ROUNDS [SECONDS]]
"""
import json
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
from bench import ROOT, ZCTRACE, Observer, final_line, in_turns, json_end, wrk

PORT = 18482
URL = f'https://127.0.0.1:{PORT}/index.html'
OF_NONE, OF_EMPTY = 0.70, 1.15  # what is aimed at: the one, or the other
FUNCTIONS = ('SSL_read', 'SSL_write')
OBJECT = f'{ROOT}/build/tests/bench/uprobes.bpf.o'
LOADER = f'{ROOT}/build/o/bench/empty_uprobe'
SCAN = f'{ROOT}/build/o/tlsbin/scan'
os.environ['PATH'] += ':/usr/sbin:/sbin'


def nginx_start(work):
    os.mkdir(os.path.join(work, 'www'))
    with open(os.path.join(work, 'www', 'index.html'), 'w', encoding='ascii') as f:
        f.write('x' * 612)
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                    'ec_paramgen_curve:prime256v1', '-nodes',
                    '-days', '2', '-subj', '/CN=localhost', '-keyout', f'{work}/key', '-out',
                    f'{work}/pem'],
                   check=True, capture_output=True)
    conf = os.path.join(work, 'nginx.conf')
    with open(conf, 'w', encoding='ascii') as f:
        f.write(f'''worker_processes 1; daemon off; pid {work}/pid; error_log {work}/err;
user root;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{PORT} ssl; root {work}/www;
    ssl_certificate {work}/pem; ssl_certificate_key {work}/key; }} }}
''')
    server = subprocess.Popen(['nginx', '-c', conf], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    with open(f'/proc/{server.pid}/task/{server.pid}/children', encoding='ascii') as f:
        return server, int(f.read().split()[0])


def library(pid):
    """The OpenSSL that a process has mapped, or None."""
    with open(f'/proc/{pid}/maps', encoding='ascii') as f:
        found = re.search(r'r-xp.* (/\S*libssl\.so\S*)', f.read())
    return found and found.group(1)


def probed_offsets(path):
    """The places that zctrace probes in the file."""
    out = subprocess.run([SCAN, path], check=True, capture_output=True, text=True).stdout
    return ['0x' + offset for offset in re.findall(r'^point (\w+) ', out, re.M)]


def first_offsets(path):
    """Where SSL_read and SSL_write are in the file; readelf tells addresses, and which segment has
    them."""
    def run(*args):
        return subprocess.run(['readelf', '-W', *args, path], check=True, capture_output=True,
                              text=True).stdout
    segments = [[int(x, 16) for x in m]
                for m in re.findall(r'LOAD\s+(0x\w+) (0x\w+) 0x\w+ 0x\w+ (0x\w+)', run('-l'))]
    found = []
    for row in run('--dyn-syms').splitlines():
        m = re.search(r': (\w+)\s+\d+ FUNC\s+GLOBAL DEFAULT\s+\d+ (\w+)', row)
        if m and m.group(2) in FUNCTIONS:
            at = int(m.group(1), 16)
            found += [at - address + offset for offset, address,
                      size in segments if address <= at < address + size]
    return [hex(x) for x in found]


def hits(command, ready, seconds, names):
    """Runs of these programs for each request, and nanoseconds for each run, by the kernel's
    statistics."""
    switch = '/proc/sys/kernel/bpf_stats_enabled'
    with open(switch, 'w', encoding='ascii') as f:
        f.write('1')
    p = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        while ready not in p.stderr.readline():
            if p.poll() is not None:
                raise SystemExit(f'{command[0]} does not run here')
        requests = wrk(seconds, URL)[1]
        programs = json.loads(subprocess.run(['bpftool', '-j', 'prog'], capture_output=True,
                                             check=True).stdout)
    finally:
        p.send_signal(signal.SIGINT)
        p.communicate()
        with open(switch, 'w', encoding='ascii') as f:
            f.write('0')
    mine = [x for x in programs if x.get('name') in names and x.get('run_cnt')]
    runs = sum(x['run_cnt'] for x in mine)
    return runs / requests, sum(x['run_time_ns'] for x in mine) / max(1, runs)


def table(observers, base, rounds, seconds):
    none = statistics.median(base)
    print(f'nginx under wrk by HTTPS, 16 connections, {rounds} rounds of {seconds} s; no observer: '
          f'{none:.0f} requests/s')
    print(f'{"observer":24} {"ratio":>6} {"min":>6} {"max":>6} {"us/request":>11}  last round')
    for o in observers:
        ratio = statistics.median(o.ratios)
        print(f'{o.name:24} {ratio:6.3f} {min(o.ratios):6.3f} {max(o.ratios):6.3f} '
              f'{(1 / ratio - 1) * 1e6 / none:11.2f}  {o.remarks[-1]}')
    return none


def tell_aims(observers):
    empty, _, traced = [1 / statistics.median(o.ratios) - 1 for o in observers[:3]]
    tell('throughput by HTTPS with -o json, of none', 1 / (1 + traced), OF_NONE, at_least=True)
    tell('  its cost, in that of empty probes', traced / empty, OF_EMPTY)


def per_call(observers, none, seconds):
    """What one hit of a probe costs, empty and not."""
    traced = [ZCTRACE, '-P', str(PORT), '-o', 'summary']
    empty = ('attached', ('empty_call', 'empty_return'))
    probed, first, json_output = observers[:3]
    for o, command, ready, names in ((probed, probed.command, *empty),
                                     (first, first.command, *empty),
                                     (json_output, traced, 'tracing', ('tls_enter', 'tls_leave'))):
        count, inside = hits(command, ready, seconds, names)
        cost = (1 / statistics.median(o.ratios) - 1) * 1e9 / none
        print(f'{o.name.strip()}: {count:.2f} hits of probes a request, {inside:.0f} ns in the '
              'program for each; '
              f'a hit costs {cost / max(count, 0.01):.0f} ns of throughput in all')
    lost = [1 / statistics.median(o.ratios) - 1 for o in observers[:3]]
    print(f'empty probes at these places cost {lost[0] / lost[1]:.0%} of what they cost at first '
          'instructions, '
          f'and are {lost[0] / lost[2]:.0%} of what zctrace -o json costs')


def measure(work, rounds, seconds):
    server, worker = nginx_start(work)
    try:
        path = library(worker)
        loader = [LOADER, OBJECT, path, str(worker)]
        observers = [Observer('empty uprobes', loader + probed_offsets(path), 'attached', url=URL),
                     Observer('  at first instructions', loader + first_offsets(path), 'attached',
                              url=URL),
                     Observer('zctrace -o json', [ZCTRACE, '-P', str(PORT), '-o', 'json'],
                              'tracing', json_end, URL),
                     Observer('zctrace -o summary', [ZCTRACE, '-P', str(PORT), '-o', 'summary'],
                              'tracing', final_line, URL)]
        everyone = list(observers)
        base = in_turns(work, everyone, rounds, seconds, URL)
        none = table(everyone, base, rounds, seconds)
        if len(everyone) < len(observers):
            return 1
        tell_aims(everyone)
        return parts((per_call, everyone, none, seconds))
    finally:
        server.terminate()
        server.wait()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    missing = [x for x in ('nginx', 'wrk', 'openssl', 'readelf', 'bpftool') if not shutil.which(x)]
    if missing:
        print(f'no {", ".join(missing)} here: TLS is not measured')
        return 0
    work = tempfile.mkdtemp(prefix='zctrace-bench-tls-',
                            dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
    try:
        return measure(work, rounds, seconds)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
