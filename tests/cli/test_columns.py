#!/usr/bin/env python3
"""Every column of every view is explained in the manual, in the section of its view."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from tap import check, done, read  # noqa: E402

VIEWS = {
    'view_routes.c': 'DASHBOARD',
    'span_list.c': 'Spans',
    'view_flights.c': 'In flight',
    'view_conns.c': 'Connections',
    'view_network.c': 'Network',
    'view_net_flows.c': 'Network',
    'view_traces.c': 'Traces',
    'view_alike.c': 'Traces',
}


def sections():
    """{title: text}"""
    parts = re.split(r'^\.S[sh] (.*)$', read('man/zctrace.1'), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def explained(text):
    """Columns that an item is about: `.It Cm REQ , RESP`."""
    found = set()
    for item in re.findall(r'^\.It Cm (.*)$', text, re.M):
        found |= {name.strip().replace('\\(*D', 'Δ') for name in item.split(' , ')}
    return found


def main():
    manual = sections()
    for file, title in VIEWS.items():
        names = set(re.findall(r'\{ ?"([A-Z0-9Δ][^"a-z]*s?|\dxx)", \d+, \d+, \d+',
                               read('cli/tui/' + file)))
        check(len(names) > 6, f'{file}: its columns', names)
        missing = names - explained(manual[title])
        check(not missing, f'{title}: each of them is explained', sorted(missing))
    return done()


sys.exit(main())
