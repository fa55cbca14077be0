#!/usr/bin/env python3
"""What tracing costs: throughput of nginx under wrk with and without observers, as ratios.

Each round measures every observer between two runs without one, so that drift of the machine
cancels; the table shows the median of the rounds' ratios. usage: bench.py [ROUNDS [SECONDS]]
"""
import glob
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

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ZCTRACE = os.path.join(ROOT, 'zctrace')
PORT = 18480
URL = f'http://127.0.0.1:{PORT}/index.html'


def nginx_start(work):
    www = os.path.join(work, 'www')
    os.mkdir(www)
    with open(os.path.join(www, 'index.html'), 'w', encoding='ascii') as f:
        f.write('x' * 612)
    conf = os.path.join(work, 'nginx.conf')
    with open(conf, 'w', encoding='ascii') as f:
        f.write(f'''worker_processes 1; daemon off; pid {work}/pid; error_log {work}/err;
user root;
events {{ worker_connections 4096; }}
http {{ access_log off; keepalive_requests 1000000000;
  server {{ listen 127.0.0.1:{PORT}; root {www}; }} }}
''')
    server = subprocess.Popen(['nginx', '-c', conf], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return server


def wrk(seconds):
    out = subprocess.run(['wrk', '-t1', '-c16', f'-d{seconds}s', URL], capture_output=True, text=True,
                         check=True).stdout
    if 'Non-2xx' in out or 'Socket errors' in out:
        raise SystemExit(out)
    requests = int(re.search(r'(\d+) requests in', out).group(1))
    return float(re.search(r'Requests/sec:\s+([\d.]+)', out).group(1)), requests


class Observer:
    """An observer: its command, and how to know that it is ready."""

    def __init__(self, name, command, ready, shows=None):
        self.name, self.command, self.ready, self.shows = name, command, ready, shows
        self.ratios, self.remarks = [], []

    def run(self, work, seconds):
        out = open(os.path.join(work, 'out'), 'wb')
        err = open(os.path.join(work, 'err.txt'), 'w+b')
        p = subprocess.Popen(self.command, stdout=out, stderr=err)
        for _ in range(200):
            err.seek(0)
            if self.ready in err.read().decode('utf-8', 'replace'):
                break
            time.sleep(0.02)
        time.sleep(0.3)
        rate, requests = wrk(seconds)
        time.sleep(0.3)
        cpu = sum(float(x) for x in open(f'/proc/{p.pid}/stat').read().rsplit(')', 1)[1].split()[11:13])
        rss = re.search(r'VmHWM:\s+(\d+)', open(f'/proc/{p.pid}/status').read())
        p.send_signal(signal.SIGINT)
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
        out.close()
        err.seek(0)
        text = err.read().decode('utf-8', 'replace')
        remark = f'own {cpu / os.sysconf("SC_CLK_TCK") * 1e6 / requests:.2f} us/request'
        if rss:
            remark += f', {int(rss.group(1)) / 1024:.0f} MiB'
        if self.shows:
            remark += ', ' + self.shows(os.path.join(work, 'out'), text, requests)
        self.remarks.append(remark)
        return rate


def json_end(path, _text, requests):
    spans = lost = 0
    with open(path, 'rb') as f:
        for line in f:
            if b'"type":"span"' in line[:80]:
                spans += 1
            last = line
        end = json.loads(last)
        lost = end.get('lost_events')
    return f'{spans} spans for {requests} requests, {lost} lost'


def final_line(_path, text, requests):
    line = [x for x in text.splitlines() if 'spans' in x]
    return (line[-1].replace('zctrace: ', '') if line else '?') + f' for {requests} requests'


def packets(_path, text, _requests):
    m = re.search(r'(\d+) packets? dropped', text)
    return f'{m.group(1) if m else "?"} packets dropped'


def observers(work):
    found = [
        Observer('empty probes', [f'{ROOT}/build/o/bench/empty_probe',
                                  f'{ROOT}/build/tests/bench/empty.bpf.o', cgroup_root()], 'attached'),
        Observer('zctrace -o json', [ZCTRACE, '-P', str(PORT), '-o', 'json'], 'tracing', json_end),
        Observer('zctrace -o summary', [ZCTRACE, '-P', str(PORT), '-o', 'summary'], 'tracing',
                 final_line),
    ]
    if shutil.which('tcpdump'):
        found.append(Observer('tcpdump -w /dev/null',
                              ['tcpdump', '-i', 'lo', '-w', '/dev/null', f'tcp port {PORT}'],
                              'listening', packets))
    if shutil.which('tshark'):
        found.append(Observer('tshark -Y http', ['tshark', '-i', 'lo', '-f', f'tcp port {PORT}', '-d',
                                                 f'tcp.port=={PORT},http', '-Y', 'http'],
                              'Capturing', packets))
    return found


def cgroup_root():
    for line in open('/proc/self/mountinfo', encoding='utf-8'):
        if ' - cgroup2 ' in line and line.split()[3] == '/':
            return line.split()[4]
    raise SystemExit('no cgroup v2 hierarchy is mounted')


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    for unit in sorted(glob.glob(f'{ROOT}/build/o/bench/bench_*')):
        if not unit.endswith('.d'):
            subprocess.run([unit], check=True)
    work = tempfile.mkdtemp(prefix='zctrace-bench-')
    server = nginx_start(work)
    try:
        wrk(2)
        everyone = observers(work)
        base = []
        for _ in range(rounds):
            for o in everyone:
                before = wrk(seconds)[0]
                rate = o.run(work, seconds)
                after = wrk(seconds)[0]
                base.append((before + after) / 2)
                o.ratios.append(rate / base[-1])
        print(f'nginx under wrk, 16 connections, {rounds} rounds of {seconds} s; '
              f'no observer: {statistics.median(base):.0f} requests/s')
        print(f'{"observer":24} {"ratio":>6} {"min":>6} {"max":>6}  last round')
        for o in everyone:
            print(f'{o.name:24} {statistics.median(o.ratios):6.3f} {min(o.ratios):6.3f} '
                  f'{max(o.ratios):6.3f}  {o.remarks[-1]}')
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(work, ignore_errors=True)


main()
