#!/usr/bin/env python3
"""The Health view live: what each probe costs, counted only while the view is open; TLS
libraries."""
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

SERVER = '''
import http.server, ssl
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    def log_message(self, *args):
        pass
s = http.server.HTTPServer(('127.0.0.1', 0), Handler)
print(s.server_address[1], ssl.OPENSSL_VERSION.split()[1], flush=True)
s.serve_forever()
'''
TITLE = 'COST OF EACH PROBE'


def get(port, n=20):
    for _ in range(n):
        urllib.request.urlopen(f'http://127.0.0.1:{port}/', timeout=5).close()


def ours(port):
    """The id of the program on ingress of the zctrace that traces this port."""
    shown = json.loads(subprocess.run(['bpftool', 'prog', 'show', '-j'], capture_output=True,
                                      check=True).stdout)
    ids = {str(p['id']) for p in shown if p.get('name') == 'skb_ingress'}
    for path in glob.glob('/proc/[0-9]*/cmdline'):
        folder = os.path.dirname(path)
        try:
            with open(path, encoding='utf-8', errors='replace') as f:
                words = f.read().split('\0')
            if 'zctrace' not in words[0] or str(port) not in words:
                continue
            for info in glob.glob(folder + '/fdinfo/*'):
                with open(info, encoding='utf-8') as f:
                    found = set(re.findall(r'^prog_id:\s+(\d+)', f.read(), re.M)) & ids
                if found:
                    return int(found.pop())
        except OSError:
            continue
    raise LookupError(f'no probe of a zctrace that traces port {port}')


def runs(program):
    """How often the kernel has counted it."""
    shown = subprocess.run(['bpftool', 'prog', 'show', 'id', str(program), '-j'],
                           capture_output=True, check=True)
    return json.loads(shown.stdout).get('run_cnt', 0)


def counted(folder, port, pid, version):
    with t.Tmux([t.ZCTRACE, '-o', 'top', '--port', str(port)], (160, 60), folder) as term:
        term.wait('No requests')
        program = ours(port)
        get(port)
        t.check(runs(program) == 0, 'nothing is counted while another view is open', runs(program))
        term.keys('6')
        screen = term.wait(TITLE)
        get(port)
        for probe in ('skb_ingress', 'skb_egress', 'sock_recv', 'sock_state'):
            screen = term.wait(rf'{probe} +(?:[2-9]\d|\d{{3}}|[\d.]+[kM]) +runs, \d+ ns each')
        for probe in ('skb_ingress', 'skb_egress', 'sock_recv', 'sock_state'):
            m = re.search(rf'^{probe} +([\d.]+)([kM]?) +runs, (\d+) ns each', screen, re.M)
            t.check(m and (m.group(2) or int(m.group(1)) >= 20) and 0 < int(m.group(3)) < 100000,
                    f'{probe}: runs and time', screen)
        m = re.search(rf'^\S+ {pid} +openssl( [\d.a-z]+)?, hooked by .*libssl', screen, re.M)
        t.check(m and m.group(1) in (None, ' ' + version), 'the TLS library of the server', screen,
                version)
        saved = term.press('w')
        t.check('zctrace-' in saved, 'w saves it', saved)
        term.keys('1')
        term.wait('TREND')
        time.sleep(0.2)
        before = runs(program)
        get(port)
        t.check(runs(program) == before > 0, 'nothing is counted any more', before, runs(program))
        term.keys('q')
        term.wait(r'\[\d+\]')
    lines = []
    for path in glob.glob(os.path.join(folder, 'zctrace-*.jsonl')):
        with open(path, encoding='utf-8') as f:
            lines += [json.loads(line) for line in f]
    probes = {o['probe']: o for o in lines if o['type'] == 'probe'}
    t.check(probes.get('skb_ingress', {}).get('runs', 0) >= 20, 'saved: probes', lines)
    t.check([o['library'] for o in lines if o['type'] == 'library' and
             o['pid'] == pid] [:1] == ['openssl'],
            'saved: libraries', lines)


def refused(folder, port):
    """Without CAP_SYS_ADMIN the kernel's statistics stay off, and the view says so."""
    if os.geteuid():
        t.skip('statistics refused', 'needs to be root, to give it up')
        return
    drop = ['setpriv', '--bounding-set', '-sys_admin', '--inh-caps', '-sys_admin']
    with t.Tmux([*drop, t.ZCTRACE, '-o', 'top', '--port', str(port)], (160, 60), folder) as term:
        term.wait('No requests')
        screen = term.press('6')
        t.check(re.search(r'not counted +the kernel does not switch its statistics on: Operation '
                          r'not permitted', screen),
                'a refusal is told', screen)
        term.keys('q')
        t.check(re.search(r'\[0\]', term.wait(r'\[\d+\]')), 'and it goes on')


def main():
    if not shutil.which('bpftool', path=os.environ['PATH'] +
                        ':/usr/sbin') or not shutil.which('tmux'):
        t.skip('Health view', 'bpftool and tmux are needed')
        return t.done()
    os.environ['PATH'] += ':/usr/sbin'
    p = subprocess.run([t.ZCTRACE, '-q', '--all', '-d', '1ms', '-o', 'json'], capture_output=True,
                       check=False)
    if p.returncode:
        t.skip('Health view', p.stderr.decode().strip().split('\n')[0])
        return t.done()
    server = subprocess.Popen([sys.executable, '-c', SERVER], stdout=subprocess.PIPE, text=True)
    try:
        port, version = server.stdout.readline().split()
        with tempfile.TemporaryDirectory() as folder:
            counted(folder, int(port), server.pid, version)
            refused(folder, int(port))
    finally:
        server.kill()
        server.wait()
    return t.done()


sys.exit(main())
