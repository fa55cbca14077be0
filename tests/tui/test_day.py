#!/usr/bin/env python3
"""A day's recording: what the dashboard remembers is bounded, whatever has gone by."""
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cli'))
import capture as c
import terminal as t

HOURS = 24
EACH = 1200  # requests an hour
CLIENTS = 600


def day(path):
    """Connections, clients and paths come and go: in six hours more than tables have room for."""
    p = c.Packets()
    talk = None
    for hour in range(HOURS):
        for i in range(EACH):
            n = hour * EACH + i
            p.time = int((c.START + hour * 3600 + i * 3600 / EACH) * 1e9)
            if i % 10 == 0:
                who = n // 10 % CLIENTS
                if talk:
                    talk.end()
                talk = c.Conversation(p, client=20000 + n // 10,
                                      ends=(f'10.1.{who >> 8}.{who & 255}', '10.0.0.9'))
            talk.exchange(c.get(f'/part{"abcdefghijklmnop"[n % 16]}{n // 16 % 50}/x'),
                          c.answer(200 if n % 50 else 500))
    return p.pcap(path)


def resident(term):
    """MiB of the process in the pane."""
    shell = int(term.tmux('display', '-p', '#{pane_pid}'))
    with open(f'/proc/{shell}/task/{shell}/children', encoding='ascii') as f:
        pid = int(f.read().split()[0])
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return int(re.search(r'VmRSS:\s+(\d+)', f.read()).group(1)) / 1024


def go_to(term, when, shown):
    term.keys('t')
    term.wait('go to')
    term.type(when)
    term.keys('Enter')
    return term.wait(shown, 120)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        day('day.pcap')
        # what a sanitizer keeps of what was freed is no memory of the program's
        with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'day.pcap', '--keep', '1k'], (140, 30), folder,
                    ASAN_OPTIONS='quarantine_size_mb=1:thread_local_quarantine_size_kb=64') as term:
            term.wait('Routes')
            s = go_to(term, '6h', r'(stopped|playing) 6:00:')
            quarter = resident(term)
            t.check(re.search(r' 6:00:', s) and quarter > 1, 'six hours are over', s)
            s = go_to(term, 'end', r' end 23:5')
            whole = resident(term)
            t.check(re.search(r' end 23:5', s), 'the day is over', s)
            # three times as much as before has come by since
            print(f"# {quarter:.1f} MiB after six hours, {whole:.1f} MiB after {HOURS}")
            t.check(whole < 1.25 * quarter + 2,
                    'and memory has not grown: what is kept is bounded', f'{quarter:.1f} MiB after '
                    f'six hours, {whole:.1f} MiB after {HOURS}')
            s = term.press('2')
            t.check(re.search(r'(1\.02k|1024|1\.0\dk) spans of \d+:\d\d', s),
                    'how far back it reaches is told', s)
            t.check(re.search(r' spans of \d+:\d\d, \d{3} slow or failed of 2[34]:\d\d:\d\d', s),
                    'and how far for what failed', s)
            term.tmux('resize-window', '-x', '120', '-y', '30')
            s = term.wait(r' kept \d+:\d\d, slow or failed 2[34]:')
            t.check(re.search(r' kept \d+:\d\d, slow or failed 2[34]:\d\d:\d\d', s),
                    'in fewer words where there is less room', s)
            term.tmux('resize-window', '-x', '140', '-y', '30')
            term.wait('spans of')
            term.press(':')
            term.type('memory 1M')
            s = term.press('Enter')
            t.check(re.search(r' \d{3} spans of \d+:\d\d, \d{3} slow or failed of \d+:\d\d:', s),
                    'with less memory it reaches less far', s)
            s = term.press('6')
            t.check('in at most 1 MiB' in s, 'and how much is allowed is told', s)
    return t.done()


sys.exit(main())
