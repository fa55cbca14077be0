#!/usr/bin/env python3
"""Checks that includes go only in the direction that ARCHITECTURE.md states."""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from tap import ROOT, check, done  # noqa: E402

ALLOWED = {
    'bpf': {'bpf'},
    'parsers': {'parsers'},
    'core': {'core', 'parsers', 'bpf/events.h', 'bpf/tls.h'},
    'attach': {'attach', 'core/load.h', 'core/source.h', 'bpf/events.h', 'bpf/config.h',
               'bpf/tls.h'},
    'sinks': {'sinks', 'core', 'parsers/parser.h', 'parsers/protocol.h', 'parsers/redact.h',
              'parsers/http1/http1.h', 'parsers/attrs.h'},
    'cli': {'cli', 'sinks', 'attach', 'core', 'parsers', 'bpf/events.h'},
}
# parsers are pure: nothing but memory and types
PURE = {'stddef.h', 'stdint.h', 'string.h', 'limits.h'}


def allowed(folder, target):
    ok = ALLOWED[folder]
    return target in ok or target.split('/')[0] in ok


def main():
    bad, n = [], 0
    for folder in ALLOWED:
        for path, _, files in os.walk(os.path.join(ROOT, folder)):
            for name in sorted(files):
                if not name.endswith(('.c', '.h')):
                    continue
                full = os.path.join(path, name)
                rel = os.path.relpath(full, ROOT)
                n += 1
                for i, line in enumerate(open(full, encoding='utf-8'), 1):
                    m = re.match(r'\s*#\s*include\s*([<"])([^>"]+)', line)
                    if not m:
                        continue
                    if m.group(1) == '"' and not allowed(folder, m.group(2)):
                        bad.append(f'{rel}:{i}: {folder}/ must not include {m.group(2)}')
                    if m.group(1) == '<' and folder == 'parsers' and m.group(2) not in PURE:
                        bad.append(f'{rel}:{i}: parsers/ must not include <{m.group(2)}>')
    check(not bad and n > 100, f'includes of {n} files go in the stated direction', *bad)
    return done()


sys.exit(main())
