#!/usr/bin/env python3
"""How soon the dashboard answers a key while nginx serves all that it can, beside what is aimed at;
and whether events were lost meanwhile. usage: bench_keys.py [SECONDS]
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), 'tui')]
import aims  # noqa: E402
import bench  # noqa: E402
import terminal  # noqa: E402

AIM_MS, AIM_RATE = 100, 50000
KEYS = [(b'2', b'TTFB'), (b'1', b'ROUTE'), (b'4', b'ANSWER'), (b'1', b'ROUTE'), (b'5', b'REMOTE'),
        (b'1', b'ROUTE')]


def answers(p, until):
    """Seconds from a key to the picture of its view, again and again."""
    took = []
    while not until():
        for key, shown in KEYS:
            p.write(key)
            seconds = p.wait(shown, 5)
            took.append(5.0 if seconds is None else seconds)
            p.read(0.15)
    return took


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    work = tempfile.mkdtemp(prefix='zctrace-bench-')
    os.chmod(work, 0o755)
    page = bench.page_start(work)
    p = terminal.Pty([bench.ZCTRACE, '-o', 'top', '-P', str(bench.PORT)], (120, 30))
    try:
        if p.wait(b'Routes', 20) is None:
            raise SystemExit('the dashboard does not open')
        begun = time.time()
        idle = answers(p, lambda: time.time() - begun > 3)
        load = subprocess.Popen(['wrk', '-t1', '-c16', f'-d{seconds}s', bench.URL],
                                stdout=subprocess.PIPE, text=True)
        p.read(0.5)
        busy = answers(p, lambda: load.poll() is not None)
        rate = float(re.search(r'Requests/sec:\s+([\d.]+)', load.stdout.read()).group(1))
        p.write(b'q')
        p.status(20)
        lost = re.findall(rb'(\d+) lost', p.output)
    finally:
        page.terminate()
        page.wait()
        shutil.rmtree(work, ignore_errors=True)
    worst = sorted(busy)[int(len(busy) * 0.99) - 1]
    print(f'{len(busy)} keys: median {statistics.median(busy) * 1e3:.0f} ms, idle '
          f'{statistics.median(idle) * 1e3:.0f}; {lost[-1].decode() if lost else "?"} events lost')
    aims.tell('keys: requests beside them', rate, AIM_RATE, 'a second', at_least=True)
    aims.tell('keys: 99 of 100 are answered within', worst * 1e3, AIM_MS, 'ms')


if __name__ == '__main__':
    main()
