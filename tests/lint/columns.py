#!/usr/bin/env python3
"""Checks that no line of code is wider than 100 columns, with tabs of 8."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, check, done  # noqa: E402

LIMIT = 100
CODE = ('.c', '.h', '.py', '.sh', '.bash', '.go', '.js', '.java', 'Makefile')


def is_code(path):
    """By its name, or a script by how it begins."""
    if path.endswith(CODE):
        return True
    with open(path, 'rb') as f:
        return '.' not in os.path.basename(path) and f.read(2) == b'#!'


def sources():
    """Files of the tree, but for what was built and what tools keep in folders with a dot."""
    for path, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f[0] != '.' and (path != ROOT or f != 'build')]
        for name in files:
            full = os.path.join(path, name)
            if os.path.isfile(full) and is_code(full):
                yield full


def main():
    bad, n = [], 0
    for path in sources():
        n += 1
        for i, line in enumerate(open(path, encoding='utf-8'), 1):
            columns = len(line.rstrip('\n').expandtabs(8))
            if columns > LIMIT:
                bad.append(f'{os.path.relpath(path, ROOT)}:{i}: {columns} columns')
    check(not bad and n > 100, f'lines of {n} files are within {LIMIT} columns', *sorted(bad))
    return done()


sys.exit(main())
