#!/usr/bin/env python3
"""Checks that no files of a folder need each other in a circle.

usage: circles.py OBJECTS

OBJECTS: the folder of a build's object files. What a file needs is what its object leaves undefined
and another one of the project defines.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import check, done  # noqa: E402

FOLDERS = ('attach', 'cli', 'core', 'parsers', 'sinks')


def symbols(path):
    """What an object defines, and what it needs."""
    have, need = set(), set()
    for line in subprocess.run(['nm', path], stdout=subprocess.PIPE, text=True,
                               check=True).stdout.splitlines():
        word = line.split()
        if word[-2] == 'U':
            need.add(word[-1])
        elif word[-2] in 'BDRTVW':
            have.add(word[-1])
    return have, need


def read(root):
    """{file: {file that it needs: a name}}"""
    need, home = {}, {}
    for folder in FOLDERS:
        for path, _, files in os.walk(os.path.join(root, folder)):
            for name in files:
                if name.endswith('.o'):
                    full = os.path.join(path, name)
                    rel = os.path.relpath(full, root)[:-2]
                    have, need[rel] = symbols(full)
                    home.update({s: rel for s in have})
    return {f: {home[s]: s for s in names if home.get(s, f) != f} for f, names in need.items()}


def circle(needs):
    """The files of one circle, in order, or None."""
    state, path = {}, []

    def go(f):
        state[f] = 1
        path.append(f)
        for g in needs.get(f, ()):
            if state.get(g) == 1:
                return path[path.index(g):]
            if g not in state:
                found = go(g)
                if found:
                    return found
        state[f] = 2
        path.pop()
        return None

    for f in sorted(needs):
        found = f not in state and go(f)
        if found:
            return found
    return None


def main():
    needs = read(sys.argv[1])
    found = circle(needs) or []
    why = [f'{a}.c needs {needs[a][b]} of {b}.c' for a, b in zip(found, found[1:] + found[:1])]
    check(not found and len(needs) >= 50, f'no circle among {len(needs)} files of '
          f'{", ".join(FOLDERS)}', *why)
    return done()


sys.exit(main())
