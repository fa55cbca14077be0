#!/usr/bin/env python3
"""Runs every part of the benchmark, one after the other; one that fails does not stop the others.
At the end, all figures for which there is an aim.

usage: run.py [PART...], a part being bench_h2.py and its like, or a program in build/o/bench.
"""
import glob
import os
import platform
import re
import subprocess
import sys
import tempfile

import aims

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def parts():
    programs = [p for p in sorted(glob.glob(f'{ROOT}/build/o/bench/bench_*'))
                if os.access(p, os.X_OK)]
    return programs + [os.path.join(HERE, name)
                       for name in ('bench_aims.py', 'bench_instructions.py', 'bench_keys.py',
                                    'bench.py', 'bench_h2.py', 'bench_tls.py',
                                    'bench_databases.py')]


def machine():
    with open('/proc/cpuinfo', encoding='utf-8') as f:
        model = re.search(r'model name\s*: (.*)', f.read())
    return (f'{os.cpu_count()} processors ({model.group(1) if model else platform.machine()}), '
            f'Linux {platform.release()}, load {os.getloadavg()[0]:.1f}')


def show_aims(path):
    with open(path, encoding='utf-8') as f:
        lines = f.read()
    print(f'== aims, on {machine()}\n{lines}', end='', flush=True)


def run(parts_wanted):
    failed = []
    for part in parts_wanted:
        print(f'== {os.path.basename(part)}', flush=True)
        status = subprocess.run([part], check=False).returncode
        if status:
            failed.append(f'{os.path.basename(part)} (status {status})')
    return failed


def main():
    os.environ['PATH'] += ':/usr/local/sbin:/usr/sbin:/sbin'
    print(f'== {machine()}', flush=True)
    with tempfile.NamedTemporaryFile(prefix='zctrace-bench-aims-') as kept:
        os.environ[aims.KEPT] = kept.name
        failed = run(sys.argv[1:] or parts())
        show_aims(kept.name)
    if failed:
        print(f'parts that failed: {", ".join(failed)}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
