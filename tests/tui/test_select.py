#!/usr/bin/env python3
"""Selectors that change while it runs: what is traced, and that what was seen stays."""
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t
from server import ask, serve


def command(term, text, told):
    term.press(':')
    term.type(text)
    term.press('Enter')
    s = term.wait(told)
    t.check(re.search(told, s), f':{re.sub("[0-9]+", "N", text)}', s)
    term.press('Escape')
    return s


def run(folder, one, two):
    first, second = one.server_port, two.server_port
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-P', str(first), '--no-downstream', '--role', 'server'],
                (200, 30), folder) as term:
        term.wait('No requests')
        ask(one, '/one')
        ask(two, '/unseen')
        s = term.wait('/one')
        t.check('/one' in s and '/unseen' not in s, 'the port of the command line', s)
        command(term, f'port {second}', rf'zctrace .*port {second}')
        ask(two, '/two')
        ask(one, '/again')
        s = term.wait('/two')
        s = term.wait('/again')
        t.check(all(p in s for p in ('/one', '/two', '/again')),
                'another one, the first one still, and what was seen before', s)
        command(term, f'port -{first}', rf'zctrace (?!.*{first}).*port {second}')
        ask(one, '/gone')
        ask(two, '/left')
        s = term.wait('/left')
        t.check('/left' in s and '/gone' not in s and '/one' in s, 'the first one no more', s)
        command(term, f'port -{second}', 'nothing would be left')
        command(term, f'port -{first}', 'that port is not selected')
        command(term, 'port x', "'x'")
        command(term, 'port', 'what to trace, too')
        command(term, 'pid 4194000', 'no such process')
        command(term, f'pid {os.getpid()}', rf'zctrace .*\), pid {os.getpid()}')
        ask(one, '/mine')
        s = term.wait('/mine')
        t.check('/mine' in s, 'a process', s)
        command(term, 'comm nobody*', r'zctrace .*comm nobody')
        exe = os.path.realpath('/proc/self/exe')
        command(term, f'pid -{os.getpid()}', rf'zctrace (?!.*\), pid {os.getpid()}).*comm nobody')
        command(term, f'exe {exe}', r'zctrace .*exe /')
        ask(one, '/by-exe')
        s = term.wait('/by-exe')
        t.check('/by-exe' in s, 'an executable', s)
        command(term, f'exe -{exe}', r'zctrace (?!.*exe /).*comm nobody')
        command(term, 'exe -/x', 'that name is not selected')
        command(term, 'cgroup /no/such', 'no such')
        command(term, 'container nosuchcontainer', 'nosuchcontainer')
        command(term, 'pod nosuchpod', 'not on this host')
        command(term, 'namespace nosuchspace', 'none of its pods')
        term.press('W')
        command(term, f'port {first}', 'not while recording')
        term.press('b')
        term.press('/')
        term.type('status == 200')
        term.press('Enter')
        term.keys('p')
        s = term.wait('PAUSED')
        t.check(re.search('/status == 200 .*REC since baseline PAUSED', s),
                'all that is not as usual is told at once', s)
        term.press('p')
        term.press('W')
        term.keys('q')
        s = term.wait(r'\[[01]\]\n').replace('\n', '')
        m = re.search(r'(\d+) spans shown', s)
        t.check(m and int(m.group(1)) >= 15 and '[0]' in s, 'the last line counts all', s)


def many(folder, one, two):
    """What is too many is told, and none of those that were selected is lost."""
    ports = ','.join(str(20000 + 2 * i) for i in range(63))
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-P', f'{ports},{one.server_port}', '--no-downstream',
                 '--role', 'server'], (120, 30), folder) as term:
        term.wait('No requests')
        command(term, f'port {two.server_port}', 'more than 64 ranges of ports')
        ask(one, '/last')
        s = term.wait('/last')
        t.check('/last' in s, 'the last of many ports', s)


def replayed(folder):
    path = t.recording(folder)
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (120, 30), folder) as term:
        term.to_end()
        command(term, 'port 80', 'a file is shown')


def main():
    one, two = serve(), serve()
    with tempfile.TemporaryDirectory() as folder:
        replayed(folder)
        p = subprocess.run([t.ZCTRACE, '-q', '-P', str(one.server_port), '-d', '1ms', '-o', 'json'],
                           capture_output=True, check=False)
        if p.returncode:
            t.skip('selectors while it runs', p.stderr.decode().strip().split('\n')[0])
        else:
            run(folder, one, two)
            many(folder, one, two)
    return t.done()


sys.exit(main())
