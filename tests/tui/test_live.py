#!/usr/bin/env python3
"""The dashboard under load: its figures are those of JSON, keys are answered, nothing is lost."""
import glob
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

CONF = """worker_processes 1; daemon off; pid {0}/pid; error_log {0}/error.log;
events {{ worker_connections 256; }}
http {{ access_log {0}/access.log; client_body_temp_path {0}/1; proxy_temp_path {0}/2;
fastcgi_temp_path {0}/3; uwsgi_temp_path {0}/4; scgi_temp_path {0}/5;
server {{ listen 127.0.0.1:{1} reuseport; keepalive_requests 1000000;
 location /ok {{ return 200 "fine"; }} location /bad {{ return 503; }} }} }}
"""
LUA = """local n = 0
request = function() n = n + 1; return wrk.format("GET", n % 10 == 0 and "/bad" or "/ok") end
"""


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def answers(port):
    for _ in range(50):
        try:
            socket.create_connection(('127.0.0.1', port), 0.2).close()
            return True
        except OSError:
            time.sleep(0.1)
    return False


def latencies(p):
    """Seconds from a key to its picture: the heading of the view that it shows."""
    found = []
    for _ in range(6):
        for key, heading in ((b'2', b'METHOD'), (b'5', b'REMOTE'), (b'1', b'TREND')):
            p.read(0.13)
            p.write(key)
            found.append(p.wait(heading, 5) or 99.0)
    return sorted(found)


def rows_on_screen(screen):
    """{path: count} by the column COUNT."""
    lines = screen.split('\n')
    head = next(line for line in lines if 'COUNT' in line)
    end = re.search('COUNT[▼▲]?', head).end()
    rows = {}
    for line in lines:
        m = re.match(r'server +GET +(/\w+)', line)
        if m:
            rows[m.group(1)] = line[:end].split()[-1]
    return rows


def as_shown(n):
    return str(n) if n < 10000 else f'{n / 1e3:.1f}k' if n < 1e6 else f'{n / 1e6:.2f}M'


def run(folder, port):
    json_path = os.path.join(folder, 'spans.json')
    script = os.path.join(folder, 'mix.lua')
    with open(script, 'w', encoding='ascii') as f:
        f.write(LUA)
    with open(json_path, 'wb') as out, \
            t.Tmux([t.ZCTRACE, '-o', 'top', '--port', str(port)], (200, 50), folder) as term:
        other = subprocess.Popen([t.ZCTRACE, '-o', 'json', '--port', str(port)], stdout=out,
                                 stderr=subprocess.PIPE)
        other.stderr.readline()
        term.wait('No requests')
        watch = t.Pty([t.ZCTRACE, '-o', 'top', '--port', str(port)], (120, 30), folder)
        watch.wait(b'No requests')
        idle = latencies(watch)
        load = subprocess.Popen(['wrk', '-t1', '-c16', '-d4s', '-s', script,
                                 f'http://127.0.0.1:{port}/'], stdout=subprocess.PIPE)
        time.sleep(0.7)
        paused = term.press('p')
        times = latencies(watch)
        again = term.settled()
        t.check('PAUSED' in paused and rows_on_screen(paused) == rows_on_screen(again) and
                rows_on_screen(paused), 'p: the display stands still under load', paused, again)
        term.keys('p')
        load.communicate()
        time.sleep(1.5)
        screen = term.press('w')
        other.terminate()
        other.wait()
        watch.write(b'q')
        t.check(watch.status() == 0, 'the dashboard ends when asked to')
        watch.close()
        term.keys('q')
        ended = term.wait(r'\[\d+\]')
    median, worst, before = times[len(times) // 2], times[-1], idle[len(idle) // 2]
    t.check(median < 10 * before, f'a key is answered under load as when idle, give or take '
            f'(median {median * 1e3:.0f} ms, idle {before * 1e3:.0f} ms)', times, idle)
    print(f'# worst of {len(times)} keys: {worst * 1e3:.0f} ms')
    return json_path, screen, ended


def main():
    if not shutil.which('nginx', path=os.environ['PATH'] + ':/usr/sbin') or not shutil.which('wrk'):
        t.skip('dashboard under load', 'nginx and wrk are needed')
        return t.done()
    port = free_port()
    p = subprocess.run([t.ZCTRACE, '-q', '--port', str(port), '-d', '1ms', '-o', 'json'],
                       capture_output=True, check=False)
    if p.returncode:
        t.skip('dashboard under load', p.stderr.decode().strip().split('\n')[0])
        return t.done()
    os.environ['PATH'] += ':/usr/sbin'
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        conf = os.path.join(folder, 'nginx.conf')
        with open(conf, 'w', encoding='ascii') as f:
            f.write(CONF.format(folder, port))
        nginx = subprocess.Popen(['nginx', '-c', conf, '-e', os.path.join(folder, 'error.log')])
        try:
            if not answers(port):
                raise OSError('nginx does not answer')
            json_path, screen, ended = run(folder, port)
        finally:
            nginx.terminate()
            nginx.wait()
        with open(json_path, encoding='utf-8') as f:
            spans = [s for s in map(json.loads, f) if s['type'] == 'span']
        saved = {}
        for path in glob.glob(os.path.join(folder, 'zctrace-*.jsonl')):
            with open(path, encoding='utf-8') as f:
                saved.update({g['name']: g for g in map(json.loads, f)})
        shown = rows_on_screen(screen)
        for route in ('/ok', '/bad'):
            mine = [s for s in spans if s['path'] == route]
            errors = sum('error' in s for s in mine)
            t.check(len(mine) > 100, f'{route}: there was load', len(mine))
            t.check(shown.get(route) == as_shown(len(mine)),
                    f'{route}: the count on the screen is that of JSON',
                    shown, len(mine), screen)
            g = saved.get(route, {})
            t.check((g.get('count'), g.get('errors')) == (len(mine), errors),
                    f'{route}: the saved figures are those of JSON', g, len(mine), errors)
            exact = sorted(s['duration_ns'] for s in mine)
            p99 = exact[max(0, -(-len(exact) * 99 // 100) - 1)]
            t.check(g and abs(g['p99_ns'] - p99) <= 0.02 * p99 + 1,
                    f'{route}: p99 is that of the spans',
                    g.get('p99_ns'), p99)
        t.check(re.search(r'lost 0\b', screen), 'nothing was lost', screen.split('\n')[0])
        t.check(re.search(r' 0 lost,', ended.replace('\n', '')), 'nor at the end', ended)
    return t.done()


sys.exit(main())
