#!/usr/bin/env python3
"""Checks that what users read says "bytes": messages, help, the dashboard, manual, completions."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, check, done  # noqa: E402

CODE = ('core', 'parsers', 'attach', 'sinks', 'cli')
PROSE = ('README.md', 'man', 'completions')
TOKEN = re.compile(r'''/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])+\'''', re.S)


def files(name):
    path = os.path.join(ROOT, name)
    if os.path.isfile(path):
        yield path
    for folder, _, names in os.walk(path):
        yield from (os.path.join(folder, n) for n in sorted(names))


def strings(text):
    """(where, text) of what a file of C says when it runs; comments may cite a standard."""
    for m in TOKEN.finditer(text):
        if m.group().startswith('"'):
            yield m.start(), m.group()


def main():
    bad, n = [], 0
    for name in CODE + PROSE:
        for path in files(name):
            if name in CODE and not path.endswith(('.c', '.h')):
                continue
            n += 1
            with open(path, encoding='utf-8') as f:
                text = f.read()
            for at, said in strings(text) if name in CODE else [(0, text)]:
                for m in re.finditer('octet', said, re.I):
                    line = text.count('\n', 0, at + m.start()) + 1
                    bad.append(f'{os.path.relpath(path, ROOT)}:{line}')
    check(not bad and n > 100, f'{n} files say "bytes" to users', *bad)
    return done()


sys.exit(main())
