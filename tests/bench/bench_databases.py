#!/usr/bin/env python3
"""What tracing databases costs: throughput of pgbench and redis-benchmark with zctrace -o json.

Each round measures with zctrace between two runs without; the table shows the median of the
rounds' ratios, and whether every statement and command became a span.
usage: bench_databases.py [ROUNDS]
"""
import os
import re
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(1, os.path.join(ROOT, 'tests', 'live'))
from lib import Skip, Test, Zctrace, wait_for  # noqa: E402
from postgresql_server import PostgreSQL  # noqa: E402
from redis_server import Redis  # noqa: E402

CLIENTS = 8
TRANSACTIONS = 2000  # of each client, of one SELECT each
COMMANDS = 200000


class Pgbench:
    def __init__(self, t, mode):
        self.server = PostgreSQL(t, 'log_statement = none')
        self.port, self.mode, self.name = self.server.port, mode, f'pgbench -S -M {mode}'
        self.asked = CLIENTS * TRANSACTIONS
        self.pgbench('-i', '-q')

    def pgbench(self, *args):
        p = subprocess.run([f'{self.server.bin}/pgbench', *args], env=self.server.env,
                           capture_output=True, text=True, check=True)
        return p.stdout

    def run(self):
        """Transactions a second."""
        out = self.pgbench('-n', '-S', '-M', self.mode, '-c', str(CLIENTS), '-t',
                           str(TRANSACTIONS))
        return float(re.search(r'^tps = ([\d.]+)', out, re.M).group(1))


class RedisBenchmark:
    def __init__(self, t, pipeline):
        self.server = Redis(t)
        self.port, self.pipeline = self.server.port, pipeline
        self.name = f'redis-benchmark -t get -P {pipeline}'
        self.asked = COMMANDS

    def run(self):
        """Commands a second."""
        out = subprocess.run(['redis-benchmark', '-p', str(self.port), '-t', 'get', '-n',
                              str(COMMANDS), '-c', '16', '-P', str(self.pipeline), '--csv'],
                             capture_output=True, text=True, check=True).stdout
        return float(re.search(r'^"GET","([\d.]+)"', out, re.M).group(1))


def traced(t, load):
    z = Zctrace(t, '--port', load.port, '--role', 'server')
    rate = load.run()
    wait_for(lambda: z._count() >= load.asked, 5, 0.1)
    z.stop()
    spans, end = z._count(), z.end
    os.unlink(z.out_path)
    return rate, f'{spans} spans of {load.asked}, {end.get("lost_events", 0)} lost'


def measure(t, load, rounds):
    ratios, base, remark = [], [], ''
    load.run()
    for _ in range(rounds):
        before = load.run()
        rate, remark = traced(t, load)
        base.append((before + load.run()) / 2)
        ratios.append(rate / base[-1])
    print(f'{load.name:28} {statistics.median(base):9.0f}/s {statistics.median(ratios):6.3f} '
          f'{min(ratios):6.3f} {max(ratios):6.3f}  {remark}', flush=True)


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    failed = 0
    print(f'{"load":28} {"without":>11} {"ratio":>6} {"min":>6} {"max":>6}  '
          f'last of {rounds} rounds')
    for make in (lambda t: Pgbench(t, 'simple'), lambda t: Pgbench(t, 'prepared'),
                 lambda t: RedisBenchmark(t, 1), lambda t: RedisBenchmark(t, 16)):
        t = Test('bench')
        try:
            measure(t, make(t), rounds)
        except (Skip, AssertionError, OSError, subprocess.CalledProcessError) as e:
            failed = 1
            print(f'not measured: {e}', flush=True)
        finally:
            t.stack.close()
        for f in t.failures:
            failed = 1
            print(f'  {f}', flush=True)
    return failed


if __name__ == '__main__':
    sys.exit(main())
