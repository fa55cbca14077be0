#!/usr/bin/env python3
"""tests/run: what counts as passed, failed and skipped; only what is live has a second try."""
import os
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, check, done  # noqa: E402

GOOD, BAD = 'echo "ok 1 - a"; echo 1..1', 'echo "not ok 1 - a"; echo 1..1'
ONCE = f'if [ -e "$0.ran" ]; then {GOOD}; else touch "$0.ran"; {BAD}; fi'


def count(*programs):
    """(status, last line, whole output) of a run of shell scripts, each (name, text)."""
    with tempfile.TemporaryDirectory() as tmp:
        paths = []
        for name, text in programs:
            path = os.path.join(tmp, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'w', encoding='utf-8') as f:
                f.write('#!/bin/sh\n' + text + '\n')
            os.chmod(path, 0o755)
            paths += [path, '--']
        p = subprocess.run([os.path.join(ROOT, 'tests/run'), *paths], capture_output=True,
                           text=True, check=False)
        return p.returncode, p.stdout.splitlines()[-1], p.stdout


def counts(what, programs, want):
    got = count(*programs)
    check(got[:2] == want, what, f'{got[:2]}, not {want}\n{got[2]}')
    return got[2]


counts('good and skipped', [('a', GOOD), ('b', 'echo "ok 1 - a # skip no b here"; echo 1..1')],
       (0, '1 passed, 0 failed, 1 skipped'))
counts('bad', [('a', GOOD), ('b', BAD)], (1, '1 passed, 1 failed, 0 skipped'))
counts('no plan', [('a', 'echo "ok 1 - a"')], (1, '1 passed, 1 failed, 0 skipped'))
counts('fewer than planned', [('a', 'echo "ok 1 - a"; echo 1..2')],
       (1, '1 passed, 1 failed, 0 skipped'))
counts('a status after all is well', [('a', GOOD + '; exit 3')],
       (1, '1 passed, 1 failed, 0 skipped'))
counts('nothing ran', [('a', 'echo 1..0')], (1, '0 passed, 0 failed, 0 skipped'))
counts('what is not live has one try', [('cli/a', ONCE)], (1, '0 passed, 1 failed, 0 skipped'))
out = counts('what is live has a second try', [('tests/live/a', ONCE), ('tests/live/b', GOOD)],
             (0, '2 passed, 0 failed, 0 skipped'))
check('unsteady' in out and '/tests/live/a' in out.split('unsteady')[-1], 'it is named', out)
counts('what fails both times has failed', [('tests/live/a', BAD), ('tests/live/b', GOOD)],
       (1, '1 passed, 1 failed, 0 skipped'))
sys.exit(done())
