#!/usr/bin/env python3
"""Every view of a recording at its end, compared with saved screens. UPDATE=1 saves them anew."""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

SAVED = os.path.join(t.HERE, 'screens')
SIZES = [(80, 24), (120, 30), (200, 50), (20, 5)]
VIEWS = [('routes', ['1']), ('spans', ['2']), ('traces', ['3']), ('flight', ['4']),
         ('connections', ['5']), ('health', ['6']), ('group', ['1', 'Enter']),
         ('span', ['2', 'Enter']), ('hops', ['3', 'e']),
         ('span-hex', ['2', 'Enter', 'v', 'v']), ('network', ['7']),
         ('network-flows', ['7', 'Enter']), ('help', ['1', '?'])]


def cells(screen):
    """Each line's characters with what they are shown in: tmux may write the same screen in several
    ways."""
    on, lines = {}, [[]]
    for part in re.findall(r'\x1b\[[0-9;]*m|.|\n', screen):
        if part == '\n':
            lines.append([])
        elif len(part) == 1:
            lines[-1].append((part, tuple(sorted(on.items()))))
        else:
            codes = [int(c or 0) for c in part[2:-1].split(';')]
            while codes:
                code = codes.pop(0)
                if code == 0:
                    on = {}
                elif code in (38, 48):
                    on[code] = tuple(codes[:2])
                    del codes[:2]
                elif code in (39, 49):
                    on.pop(code - 1, None)
                else:
                    on[code] = True
    return lines


def compare(name, got):
    path = os.path.join(SAVED, name)
    if os.environ.get('UPDATE'):
        with open(path, 'w', encoding='utf-8') as f:
            f.write(got)
    want = ''
    if os.path.exists(path):
        with open(path, encoding='utf-8') as f:
            want = f.read()
    t.check(cells(got) == cells(want), f'{name} is as saved', 'got:', got)


def run(path, folder, size, mono):
    look = 'mono' if mono else 'color'
    env = {'NO_COLOR': '1'} if mono else {}
    with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path, '--header=*'], size, folder, **env) as term:
        term.to_end()
        for view, keys in VIEWS:
            term.press(*keys)
            got = term.settled(color=True)
            if mono:
                t.check('\x1b[3' not in got.replace('\x1b[39m', ''), f'{view} {size}: no colours',
                        repr(got))
            compare(f'{view}-{size[0]}x{size[1]}-{look}.txt', got)


def main():
    with tempfile.TemporaryDirectory() as folder:
        path = t.recording(folder)
        os.chdir(folder)
        for size in SIZES:
            for mono in (False, True):
                run('chain.pcapng', folder, size, mono)
        with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', path], (80, 24), folder, LC_ALL='C',
                    TERM='vt100') as term:
            term.to_end()
            got = term.press('3')
            t.check(got.isascii() and 'GET' in got and '##' in got, 'a plain terminal gets ASCII',
                    got)
    return t.done()


sys.exit(main())
