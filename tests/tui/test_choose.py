#!/usr/bin/env python3
"""Nothing was asked for, at a terminal: what listens here, to choose from."""
import os
import re
import socket
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t


def select(term, port):
    """Moves to the row of this port; others come and go meanwhile."""
    term.keys('g')
    for _ in range(400):
        s = term.settled(color=True)
        chosen = [line.split('\x1b[7m', 1)[1] for line in s.split('\n') if '\x1b[7m' in line]
        if chosen and re.search(rf'\b{port}\b', chosen[0]):
            return True
        term.keys('Down')
    return False


def choosing(port):
    with t.Tmux([t.ZCTRACE], (100, 200)) as term:  # however much else listens
        s = term.wait(rf'\b{port}\b')
        t.check('what is to be traced?' in s and 'PORT▲' in s and 'SERVICE' in s,
                'zctrace alone lists what listens here', s)
        row = next((line for line in s.split('\n') if re.search(rf'\b{port}\b', line)), '')
        t.check('127.0.0.1' in row and 'test_choose' in row and str(os.getpid()) in row,
                'with address, service and process', row, s)
        t.check(select(term, port), 'a row can be chosen', term.screen())
        term.keys('Enter')
        s = term.wait(r'1 Routes|\[\d+\]')
        t.check(f'port {port}' in s or '[3]' in s, 'Enter traces it, if that is permitted', s)
    with t.Tmux([t.ZCTRACE], (80, 24)) as term:
        term.wait('what is to be traced')
        term.keys('q')
        t.check('[0]' in term.wait(r'\[0\]'), 'q leaves, and nothing was traced')
    with t.Tmux([t.ZCTRACE], (20, 5)) as term:
        t.check('zctrace' in term.wait('zctrace'), 'on a small screen, too')


def elsewhere():
    p = subprocess.run([t.ZCTRACE], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                       check=False, timeout=30)
    t.check(p.returncode == 2 and 'nothing to trace' in p.stderr and not p.stdout,
            'without a terminal nothing is asked', p.stderr)
    with t.Tmux([t.ZCTRACE, '-o', 'json'], (80, 24)) as term:
        t.check('nothing to trace' in term.wait(r'\[2\]'), 'nor where no dashboard is wanted')


def main():
    if not t.shutil.which('tmux'):
        t.skip('what listens here, to choose from', 'tmux is not here')
        return t.done()
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen()
    choosing(listener.getsockname()[1])
    listener.close()
    elsewhere()
    return t.done()


sys.exit(main())
