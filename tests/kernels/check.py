#!/usr/bin/env python3
"""Boots kernels and tries zctrace in each; speaks TAP and, with all of them, writes the table.

usage: check.py [--seconds N] [--table FILE] [--special WHAT]... [KERNEL...]

KERNEL: [ARCH/]SERIES[:PREEMPTION]. SERIES is as in 6.12; PREEMPTION one of voluntary, lazy, full;
ARCH one of Debian's, of which amd64 need not be said. WHAT: damage (without guards), rights, times.
Without any of these, all kernels of KERNELS and all of that. A kernel that the mirror does not
serve is skipped by name. With --table and some of them, their rows are put into the table that
is there. Each row tells the commit that was tried, with < that it was one before.
"""
import argparse
import collections
import datetime
import functools
import itertools
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

import vm

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
# series, and the preemption to boot with, which is "" for what the kernel is shipped with
KERNELS = ('5.10', '6.1', '6.1:full', '6.12', '6.12:full', '6.16', '6.17', '6.17:full', '6.18',
           '6.18:full', '7.0', '7.1', '7.2', '7.2:full', '7.3', '7.3:full', 'arm64/6.12',
           'arm64/7.3')
OLD = ('5.10',)            # too old: packets, and it says why
UNGUARDED = '7.3'          # where what guard.h prevents is shown
RIGHTS = ('6.1', '6.12')   # without and with uprobe_multi
TIMED = ('6.12', '7.3')    # the second no slower than the first
SLOWER = 1.5               # what an emulated machine makes of that
ROUNDS = 2
KINDS = ('http', 'ipv6', 'sendfile', 'splice', 'openssl', 'bio', 'h2', 'go')
TIMES = 5

Kernel = collections.namedtuple('Kernel', 'arch series preemption')


def kernel_of(text):
    arch, _, rest = ('/' + text).rpartition('/')
    series, _, preemption = rest.partition(':')
    return Kernel(arch.strip('/') or 'amd64', series, preemption)


def build(folder, archs):
    """What the machines need: the tests, the programs, and Go's."""
    tests = os.path.join(folder, 'tests')
    for name in ('live', 'kernels'):
        shutil.copytree(os.path.join(ROOT, 'tests', name), os.path.join(tests, name),
                        ignore=shutil.ignore_patterns('__pycache__'))
    programs = [('zctrace', 'zctrace'), ('unguarded', 'build/unguarded/zctrace')]
    programs += [(f'static-{a}', f'build/dist/{a}/zctrace') for a in archs]
    for name, path in programs:
        if os.path.exists(os.path.join(ROOT, path)):
            shutil.copy(os.path.join(ROOT, path), os.path.join(folder, name))
    commit()
    for arch in archs:
        subprocess.run(['go', 'build', '-C', os.path.join(ROOT, 'tests/live/gotls'), '-o',
                        os.path.join(folder, f'gotls-{arch}'), '.'], check=True,
                       env=dict(os.environ, CGO_ENABLED='0', GOARCH=arch))


def run_in(k, files, folder, seconds, program='', how=''):
    """What inside.py found, or {'error': the end of the console}. files: of the kernel k."""
    result = os.path.join(folder, 'result')
    if os.path.exists(result):
        os.unlink(result)
    if not program: # what is linked with libraries of this host runs where these are
        program = 'zctrace' if k.arch == vm.HOST and not vm.is_bare(files) else f'static-{k.arch}'
    script = os.path.join(folder, 'script')
    with open(script, 'w', encoding='utf-8') as f:
        f.write(f'#!/bin/sh\nexport ZCTRACE=/tmp/vm/{program} GOTLS=/tmp/vm/gotls-{k.arch}\n'
                f'exec python3 tests/kernels/inside.py /tmp/vm/result {seconds} {how}\n')
    os.chmod(script, 0o755)
    console = vm.boot(k.arch, files, folder, 'script',
                      f'preempt={k.preemption}' if k.preemption else '',
                      timeout=900 + 4 * seconds, single=k.preemption == 'full')
    try:
        with open(result, encoding='utf-8') as f:
            return json.load(f)
    except (OSError, ValueError):
        return {'error': console[-2000:]}


def ended(found):
    """[], or what the console said at the end of a machine that did not end as it should."""
    if 'error' not in found:
        return []
    return ['the machine did not end as it should:', *found['error'].splitlines()[-15:]]


def version(found):
    return tuple(int(n) for n in found['release'].split('.')[:2])


def faults(found):
    """What is not as it should be on a kernel, as lines."""
    if 'error' in found:
        return ended(found)
    bad = []
    doctor, protocols, load = found['doctor'], found['protocols'], found['load']
    for part in (doctor, protocols, load):
        bad += part.get('failures', [])
    if doctor.get('backend') != 'skb':
        bad.append(f'doctor: {doctor.get("skb")}')
    for check in ('uprobe', 'threads', 'probes'):
        if doctor.get(check, {}).get('state') in ('fail', 'warn'):
            bad.append(f'doctor: {doctor[check]}')
    datagrams = 'datagrams by' if version(found) >= (6, 10) else 'not seen: UDP'
    for part in (datagrams, 'retransmissions by', 'handshakes by', 'connects without a route by'):
        if part not in doctor.get('probes', {}).get('text', ''):
            bad.append(f'doctor, not "{part}": {doctor.get("probes")}')
    bad += [f'{k}: {protocols.get(k)} of {TIMES} requests: {protocols.get("odd", {}).get(k)}'
            for k in KINDS if protocols.get(k) != TIMES]
    if load.get('damaged') or not load.get('requests'):
        bad.append(f'load: {load}')
    return bad + found['log']


def faults_of_old(found):
    """The same of a kernel that is too old for probes: packets, and the reason is told."""
    if 'error' in found:
        return ended(found)
    doctor, protocols = found['doctor'], found['protocols']
    bad = doctor.get('failures', []) + protocols.get('failures', [])
    if doctor.get('backend') != 'packet':
        bad.append(f'doctor: {doctor}')
    if not re.match('zctrace: (note: )?capturing packets.* too old', protocols.get('line', '')):
        bad.append(f'first line: {protocols.get("line")}')
    if protocols.get('http') != TIMES:
        bad.append(f'http: {protocols.get("http")} of {TIMES} requests')
    return bad + found['log']


def cell(value):
    return '-' if value is None else str(value)


HEAD = ('kernel', 'preemption', 'tracing', *KINDS, 'multi', 'threads', 'requests', 'damaged',
        'lost', 'start s', 'log', 'commit', 'tried')


@functools.lru_cache(maxsize=1)
def commit():
    """Of the program that is tried, asked when it is copied; + where files had been changed."""
    text = subprocess.run([os.path.join(ROOT, 'zctrace'), '--version'], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    return (re.findall(r'\(([0-9a-f]+\+?)\)', text) or ['not told'])[0]


def threads(doctor):
    """Were threads that met in a probe kept apart? None: there are no probes."""
    if doctor.get('backend') != 'skb':
        return None
    text = doctor.get('threads', {}).get('text', '')
    if text.startswith('kept apart'):
        return 'apart'
    return 'meet not' if text.startswith('no thread') else 'NO'


def row(found):
    doctor, protocols, load = (found.get(k, {}) for k in ('doctor', 'protocols', 'load'))
    state = {'ok': 'yes', 'note': 'no', None: '-'}
    return (found['release'], found['preemption'], doctor.get('backend'),
            *[protocols.get(k) for k in KINDS],
            state.get(doctor.get('uprobe_multi', {}).get('state'), 'no'), threads(doctor),
            load.get('requests'), load.get('damaged'), load.get('lost'), protocols.get('tracing_s'),
            len(found['log']) or 'clean', commit(), datetime.date.today().isoformat())


def order(cells):
    """Of rows of the table: by machine, kernel, preemption."""
    models = ('voluntary', 'lazy', 'full')
    return (not cells[0].endswith('amd64'), *[int(n) for n in re.findall(r'\d+', cells[0])[:3]],
            models.index(cells[1]) if cells[1] in models else -1)


def table(rows):
    """Aligned columns, below a head."""
    cells = [list(HEAD), *sorted(([cell(v) for v in r] for r in rows), key=order)]
    wide = [max(len(r[i]) for r in cells) for i in range(len(HEAD))]
    return '\n'.join('  '.join(c.ljust(w) for c, w in zip(r, wide)).rstrip() for r in cells) + '\n'


def old_table(path):
    """(rows, {special: paragraph below them}) of a file, if it has the columns of today."""
    if not path or not os.path.exists(path):
        return {}, {}
    with open(path, encoding='utf-8') as f:
        text, *below = f.read().split('\n\n')
    lines = [re.split(r'  +', line.strip()) for line in text.splitlines()]
    if lines[0] != list(HEAD):
        return {}, {}
    return ({tuple(r[:2]): r for r in lines[1:]},
            {name: text.strip() for name, begins in BELOW.items() for text in below
             if text.startswith(begins)})


def tell(number, name, bad):
    print(f'{"not " if bad else ""}ok {number} - {name}')
    for line in bad[:40]:
        print(f'#   {line}')
    sys.stdout.flush()
    return bool(bad)


# ---- what needs only some kernels; each returns (paragraph below the table, failed)

def special_damage(numbers, have, folder, seconds):
    """Without guard.h the load is damaged: so the load would show it."""
    if not have['amd64', UNGUARDED]:
        return '', 0
    found = run_in(kernel_of(UNGUARDED), have['amd64', UNGUARDED], folder, seconds, 'unguarded',
                   'load')
    load = found.get('load', {})
    bad = tell(next(numbers),
               f'{UNGUARDED}: without guard.h there is damage, or this could not tell',
               [] if load.get('damaged') else [str(found)])
    return (f'Without the guards, Linux {UNGUARDED} as shipped: {load.get("requests")} requests, '
            f'{load.get("damaged")} of their spans damaged, {load.get("lost")} told as lost '
            f'(commit {commit()}).', bad)


PARTS = ('http', 'named', 'tls', 'unreadable', 'deleted')
# what is seen with which set of rights.py; None: it does not trace. tls: with uprobe_multi, without
SEEN = {
    'without bpf': None, 'without perfmon': None, 'without net_admin': None,
    'the three': (1, 0, (0, 0), 0, 0),
    '+ sys_ptrace': (1, 1, (1, 0), 0, 0),
    '+ sys_ptrace, dac_read_search': (1, 1, (1, 0), (1, 0), 0),
    '+ sys_ptrace, dac_read_search, checkpoint_restore': (1, 1, (1, 0), (1, 0), (1, 0)),
    'all of these': (1, 1, (1, 1), (1, 1), (1, 1)),
    'net_raw': (1, 0, 0, 0, 0),
}


def rights_faults(found):
    if 'error' in found:
        return ended(found)
    bad = found['rights'].get('failures', [])
    multi = version(found) >= (6, 6)
    for name, want in SEEN.items():
        got = found['rights'].get(name, {})
        if want is None or 'refused' in got:
            bad += [f'{name}: {got}'] if (want is None) != ('refused' in got) else []
            continue
        for part, w in zip(PARTS, want):
            w = w[not multi] if isinstance(w, tuple) else w
            if bool(got.get(part)) != bool(w):
                bad.append(f'{name}: {part} {"is not" if w else "is"} seen: {got}')
    return bad


def special_rights(numbers, have, folder, _seconds):
    """What is seen with which capabilities."""
    failed = 0
    for series in RIGHTS:
        if have['amd64', series]:
            found = run_in(kernel_of(series), have['amd64', series], folder, 120, how='rights')
            failed += tell(next(numbers), f'{series}: what is seen with which capabilities',
                           rights_faults(found))
    return '', failed


def special_times(numbers, have, folder, _seconds):
    """Start, first span and end on the second of TIMED no slower than on the first, in rounds."""
    seen = {series: [] for series in TIMED}
    if not all(have['amd64', series] for series in TIMED):
        return '', 0
    for series in TIMED * ROUNDS:
        found = run_in(kernel_of(series), have['amd64', series], folder, 60, how='times')
        if 'times' not in found or found['times'].get('failures'):
            return '', tell(next(numbers), f'times on {series}', ended(found) or [str(found)])
        seen[series].append(found['times'])
    first, second = ({part: statistics.median(x for r in seen[s] for x in r[part])
                      for part in ('start', 'first', 'end', 'work')} for s in TIMED)
    ratio = {part: second[part] / first[part] / (second['work'] / first['work']) for part in first}
    bad = tell(next(numbers), f'start, first span and end on {TIMED[1]} as fast as on {TIMED[0]}',
               [f'{part}: {ratio[part]:.2f}' for part in ('start', 'first', 'end')
                if ratio[part] > SLOWER])
    lines = [f'Linux {s}, emulated: {v["start"]:.2f} s to the first line, {v["first"]:.2f} s to '
             f'the first span of HTTPS, {v["end"]:.2f} s to end.'
             for s, v in zip(TIMED, (first, second))]
    lines += [f'{TIMED[1]} to {TIMED[0]}, each in terms of what plain computing takes there: '
              f'{ratio["start"]:.2f}, {ratio["first"]:.2f}, {ratio["end"]:.2f} '
              f'(commit {commit()}).']
    return '\n'.join(lines), bad


SPECIAL = {'damage': special_damage, 'rights': special_rights, 'times': special_times}
BELOW = {'damage': 'Without the guards', 'times': 'Linux '} # how their paragraphs begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--seconds', type=int, default=20)
    parser.add_argument('--table')
    parser.add_argument('--special', action='append', default=[], choices=SPECIAL)
    parser.add_argument('kernels', nargs='*')
    options = parser.parse_args()
    everything = not options.kernels and not options.special
    chosen = [kernel_of(k) for k in options.kernels or (KERNELS if everything else ())]
    special = list(SPECIAL) if everything else options.special
    rows, below = old_table(options.table if not everything else None)
    failed, numbers = 0, itertools.count(1)
    os.makedirs(vm.CACHE, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=vm.CACHE) as folder:
        wanted = chosen + [kernel_of(s) for s in {UNGUARDED, *RIGHTS, *TIMED} if special]
        archs = {k.arch for k in wanted}
        build(folder, archs)
        have = {(a, s): files for a in archs
                for s, files in vm.fetch(a, dict.fromkeys(k.series for k in wanted if k.arch == a))}
        for k in chosen:
            name = f'Linux {k.series} on {k.arch}, preemption {k.preemption or "as shipped"}'
            if not have[k.arch, k.series]:
                print(f'ok {next(numbers)} - {name} # skip not served by the mirror')
                continue
            old = k.series in OLD
            found = run_in(k, have[k.arch, k.series], folder, options.seconds,
                           how='old' if old else '')
            failed += tell(next(numbers), name, (faults_of_old if old else faults)(found))
            if 'error' not in found:
                r = [cell(v) for v in row(found)]
                rows[tuple(r[:2])] = r
        for name in special:
            text, bad = SPECIAL[name](numbers, have, folder, options.seconds)
            below.update({name: text} if text else {})
            failed += bad
    text = table(rows.values()) + ''.join(f'\n{below[name]}\n' for name in BELOW if name in below)
    print('\n'.join('# ' + line for line in text.splitlines()))
    print(f'1..{next(numbers) - 1}')
    if options.table:
        with open(options.table, 'w', encoding='utf-8') as f:
            f.write(text)
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
