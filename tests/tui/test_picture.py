#!/usr/bin/env python3
"""The README's picture is what the dashboard shows: its words, in their places."""
import html
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import picture
import terminal as t


def cells(text):
    """Lines of characters: they may be put together from other pieces."""
    lines = [[' '] * picture.COLUMNS for _ in range(picture.LINES)]
    for x, y, words in re.findall(r'<text x="([\d.]+)" y="([\d.]+)"[^>]*>([^<]*)<', text):
        at = round((float(x) - picture.MARGIN) / picture.WIDTH)
        line = lines[round((float(y) + 5 - picture.MARGIN) / picture.HEIGHT) - 1]
        for i, c in enumerate(html.unescape(words)):
            line[at + i] = c
    return [''.join(line).rstrip() for line in lines]


def main():
    with open(picture.PATH, encoding='utf-8') as f:
        saved = cells(f.read())
    now = cells(picture.picture())
    t.check('WHO CALLS WHOM' in '\n'.join(now), 'there is something in it', *now)
    t.check(saved == now, 'it is as saved; tests/tui/picture.py makes it anew',
            *[f'{a} {b}' for a, b in zip(saved, now) if a != b][:5])
    with open(os.path.join(t.ROOT, 'README.md'), encoding='utf-8') as f:
        t.check('man/dashboard.svg' in f.read(), 'and in the README')
    return t.done()


sys.exit(main())
