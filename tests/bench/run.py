#!/usr/bin/env python3
"""Runs every part of the benchmark, one after the other; one that fails does not stop the others.

usage: run.py [PART...], a part being bench_h2.py and its like, or a program in build/o/bench.
"""
import glob
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))


def parts():
    programs = [p for p in sorted(glob.glob(f'{ROOT}/build/o/bench/bench_*'))
                if os.access(p, os.X_OK)]
    return programs + [os.path.join(HERE, name)
                       for name in ('bench_aims.py', 'bench_instructions.py', 'bench_keys.py',
                                    'bench.py', 'bench_h2.py', 'bench_tls.py',
                                    'bench_databases.py')]


def main():
    os.environ['PATH'] += ':/usr/local/sbin:/usr/sbin:/sbin'
    failed = []
    for part in sys.argv[1:] or parts():
        print(f'== {os.path.basename(part)}', flush=True)
        status = subprocess.run([part], check=False).returncode
        if status:
            failed.append(f'{os.path.basename(part)} (status {status})')
    if failed:
        print(f'parts that failed: {", ".join(failed)}', flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
