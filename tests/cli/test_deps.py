#!/usr/bin/env python3
"""tests/deps.sh on a host that has nothing yet: every list tells in one line what is missing."""
import os
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, check, done  # noqa: E402

LISTS = ('build', 'demo', 'check', 'slow', 'fuzz', 'kernels', 'bench', 'dist', 'dist-check')
NEEDED = ('sh', 'cut', 'tr', 'uname', 'grep')  # what every Debian has before anything is installed

with tempfile.TemporaryDirectory() as tmp:
    for tool in NEEDED:
        os.symlink(shutil.which(tool), os.path.join(tmp, tool))
    # not root, so that nothing is installed
    with open(os.path.join(tmp, 'id'), 'w', encoding='utf-8') as f:
        f.write('#!/bin/sh\necho 1000\n')
    os.chmod(f.name, 0o755)
    for name in LISTS:
        p = subprocess.run([os.path.join(ROOT, 'tests/deps.sh'), name], env={'PATH': tmp},
                           capture_output=True, text=True, check=False)
        told = p.stderr.startswith('missing packages: clang ') and p.stderr.count('\n') == 1
        check(p.returncode == 1 and told, f'{name}: one line tells what is missing',
              f'{p.returncode} {p.stderr!r}')

done()
