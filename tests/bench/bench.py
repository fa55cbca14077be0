#!/usr/bin/env python3
"""What tracing costs: throughput of nginx under wrk with and without observers, as ratios.

Each round measures every observer between two runs without one, so that drift of the machine
cancels; the table shows the median of the rounds' ratios. usage: bench.py [ROUNDS [SECONDS]]
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

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ZCTRACE = os.path.join(ROOT, 'zctrace')
PORT = 18480
URL = f'http://127.0.0.1:{PORT}/index.html'
COLLECTOR = PORT + 1
JSON_RATIO, BEHIND_TCPDUMP, KERNEL_SIDE = 0.93, 0.05, 1500  # what is aimed at


def nginx_start(work, name, server):
    conf = os.path.join(work, f'{name}.conf')
    with open(conf, 'w', encoding='ascii') as f:
        f.write(f'''worker_processes 1; daemon off;
pid {work}/{name}.pid; error_log {work}/{name}.err;
user root;
events {{ worker_connections 16384; }}
http {{ access_log off; keepalive_requests 1000000000;
  server {{ {server} }} }}
''')
    server = subprocess.Popen(['nginx', '-c', conf], stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    return server


def page_start(work):
    www = os.path.join(work, 'www')
    os.mkdir(www)
    with open(os.path.join(www, 'index.html'), 'w', encoding='ascii') as f:
        f.write('x' * 612)
    return nginx_start(work, 'page', f'listen 127.0.0.1:{PORT}; root {www};')


def collector_start(work):
    """Takes whatever is sent to it, at little cost."""
    return nginx_start(work, 'collector', f'listen 127.0.0.1:{COLLECTOR}; '
                       'client_max_body_size 0; default_type application/x-protobuf; '
                       'location / { return 200; }')


def wrk(seconds, url=URL):
    """Requests a second, and requests in all."""
    out = subprocess.run(['wrk', '-t1', '-c16', f'-d{seconds}s', url], capture_output=True,
                         text=True,
                         check=True).stdout
    if 'Non-2xx' in out or 'Socket errors' in out:
        raise SystemExit(out)
    requests = int(re.search(r'(\d+) requests in', out).group(1))
    return float(re.search(r'Requests/sec:\s+([\d.]+)', out).group(1)), requests


def cpu_seconds(pid):
    with open(f'/proc/{pid}/stat', encoding='utf-8') as f:
        fields = f.read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


class Observer:
    """An observer: its command, and how to know that it is ready."""

    def __init__(self, name, command, ready, shows=None, url=URL):
        self.name, self.command, self.ready, self.shows, self.url = name, command, ready, shows, url
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
        else:
            p.kill()
            p.wait()
            raise ValueError(f'is not {self.ready} within 4 s')
        time.sleep(0.3)
        begun = cpu_seconds(p.pid)
        rate, requests = wrk(seconds, self.url)
        time.sleep(0.3)
        cpu = cpu_seconds(p.pid) - begun
        rss = re.search(r'VmHWM:\s+(\d+)', open(f'/proc/{p.pid}/status').read())
        p.send_signal(signal.SIGINT)
        try:
            p.wait(20)
        except subprocess.TimeoutExpired:
            p.kill()
        out.close()
        err.seek(0)
        text = err.read().decode('utf-8', 'replace')
        remark = f'own {cpu * 1e6 / requests:.2f} us/request'
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


def exported(_path, text, requests):
    sent = re.search(r'\d+ spans and .* exported; .*', text)
    return f'{sent.group(0) if sent else "?"}, for {requests} requests'


def packets(_path, text, _requests):
    m = re.search(r'(\d+) packets? dropped', text)
    return f'{m.group(1) if m else "?"} packets dropped'


def observers(work):
    found = [
        Observer('empty probes', [f'{ROOT}/build/o/bench/empty_probe',
                                  f'{ROOT}/build/tests/bench/empty.bpf.o', cgroup_root()],
                 'attached'),
        Observer('zctrace -o json', [ZCTRACE, '-P', str(PORT), '-o', 'json'], 'tracing', json_end),
        Observer('zctrace, and -o flows', [ZCTRACE, '-P', str(PORT), '-o', 'json', '-o',
                                           'flows=/dev/null', '--interval', '1s'], 'tracing',
                 json_end),
        Observer('zctrace --otlp', [ZCTRACE, '-P', str(PORT), '-o', 'summary',
                                    f'--otlp=http://127.0.0.1:{COLLECTOR}'], 'tracing', exported),
        Observer('zctrace -o summary', [ZCTRACE, '-P', str(PORT), '-o', 'summary'], 'tracing',
                 final_line),
    ]
    if shutil.which('tcpdump'):
        found.append(Observer('tcpdump -w /dev/null',
                              ['tcpdump', '-i', 'lo', '-w', '/dev/null', f'tcp port {PORT}'],
                              'listening', packets))
    if shutil.which('tshark'):
        found.append(Observer('tshark -Y http',
                              ['tshark', '-i', 'lo', '-f', f'tcp port {PORT}', '-d',
                               f'tcp.port=={PORT},http', '-Y', 'http'],
                              'Capturing', packets))
    return found


def kernel_side(seconds):
    """Nanoseconds per run of each program, by the kernel's own statistics (which cost some,
    too)."""
    switch = '/proc/sys/kernel/bpf_stats_enabled'
    with open(switch, 'w', encoding='ascii') as f:
        f.write('1')
    p = subprocess.Popen([ZCTRACE, '-q', '-P', str(PORT), '-o', 'summary'],
                         stdout=subprocess.DEVNULL)
    try:
        time.sleep(0.7)
        requests = wrk(seconds)[1]
        programs = json.loads(subprocess.run(['bpftool', '-j', 'prog'], capture_output=True,
                                             check=True).stdout)
    finally:
        p.send_signal(signal.SIGINT)
        p.wait()
        with open(switch, 'w', encoding='ascii') as f:
            f.write('0')
    print('kernel side, while its statistics are on:')
    total = 0
    for prog in programs:
        if prog.get('name') in ('skb_ingress', 'skb_egress', 'sock_recv', 'sock_send'):
            total += prog['run_time_ns']
            print(f'  {prog["name"]:12} {prog["run_time_ns"] / prog["run_cnt"]:5.0f} ns a run, '
                  f'{prog["run_cnt"] / requests:.2f} runs a request (both ends of the connection)')
    tell('kernel side of HTTP, both ends', total / requests, KERNEL_SIDE, 'ns a request')


def replay(work):
    """Records a million exchanges and replays them."""
    recording = os.path.join(work, 'million.pcapng')
    p = subprocess.Popen([ZCTRACE, '-q', '-P', str(PORT), '-o', 'summary', '-w', recording],
                         stdout=subprocess.DEVNULL)
    time.sleep(0.7)
    subprocess.run(['h2load', '--h1', '-n', '1000000', '-c', '16', URL], check=True,
                   stdout=subprocess.DEVNULL)
    time.sleep(0.5)
    p.send_signal(signal.SIGINT)
    p.wait()
    size = os.path.getsize(recording) / 2**20
    for form in ('json', 'text', 'summary'):
        begun = time.time()
        done = subprocess.run([ZCTRACE, '-r', recording, '-o', form], stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True, check=True)
        spans = int(re.search(r'(\d+) spans', done.stderr).group(1))
        print(f'replay -o {form:8} {spans} exchanges ({size:.0f} MiB), '
              f'{spans / (time.time() - begun):.0f} exchanges/s')


def cgroup_root():
    for line in open('/proc/self/mountinfo', encoding='utf-8'):
        if ' - cgroup2 ' in line and line.split()[3] == '/':
            return line.split()[4]
    raise SystemExit('no cgroup v2 hierarchy is mounted')


def in_turns(work, everyone, rounds, seconds, url=URL):
    """Measures each of them between two runs without one, again and again. Returns the rates
    without. Of everyone remain those that work here."""
    wrk(1, url)
    base = []
    for _ in range(rounds):
        for o in list(everyone):
            before = wrk(seconds, url)[0]
            try:
                rate = o.run(work, seconds)
            except (OSError, ValueError, AttributeError, subprocess.SubprocessError) as e:
                print(f'FAILED: {o.name.strip()}: {type(e).__name__}: {e}', flush=True)
                everyone.remove(o)
                continue
            base.append((before + wrk(seconds, url)[0]) / 2)
            o.ratios.append(rate / base[-1])
    return base


def compare(work, rounds, seconds):
    everyone = observers(work)
    everyone_was = len(everyone)
    base = in_turns(work, everyone, rounds, seconds)
    print(f'nginx under wrk, 16 connections, {rounds} rounds of {seconds} s; '
          f'no observer: {statistics.median(base):.0f} requests/s')
    print(f'{"observer":24} {"ratio":>6} {"min":>6} {"max":>6}  last round')
    for o in everyone:
        print(f'{o.name:24} {statistics.median(o.ratios):6.3f} {min(o.ratios):6.3f} '
              f'{max(o.ratios):6.3f}  {o.remarks[-1]}')
    ratio = {o.name: statistics.median(o.ratios) for o in everyone}
    tell('throughput with -o json, of none', ratio['zctrace -o json'], JSON_RATIO, at_least=True)
    if 'tcpdump -w /dev/null' in ratio:
        tell('  worse than tcpdump, by', ratio['tcpdump -w /dev/null'] - ratio['zctrace -o json'],
             BEHIND_TCPDUMP)
    if len(everyone) < everyone_was:
        raise SystemExit('not all observers work here')


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    work = tempfile.mkdtemp(prefix='zctrace-bench-',
                            dir='/dev/shm' if os.path.isdir('/dev/shm') else None)
    servers = [page_start(work), collector_start(work)]
    try:
        return parts((compare, work, rounds, seconds), (kernel_side, seconds),
                     (replay, work))
    finally:
        for server in servers:
            server.terminate()
            server.wait()
        shutil.rmtree(work, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
