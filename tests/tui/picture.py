#!/usr/bin/env python3
"""The picture of the dashboard in the README: man/dashboard.svg, from the tests' recording.

usage: picture.py [FILE]    writes it anew; tests/tui/test_picture.py compares
"""
import html
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import terminal as t

PATH = os.path.join(t.ROOT, 'man', 'dashboard.svg')
COLUMNS, LINES = 110, 22
WIDTH, HEIGHT, MARGIN = 8.4, 18, 12  # of a cell, around all
TEXT, BACK = '#d0d0d0', '#1c1c1c'


def colour(n):
    """Of xterm's 256."""
    if n < 16:
        return ['#000000', '#cd3131', '#0dbc79', '#e5e510', '#2472c8', '#bc3fbc', '#11a8cd',
                '#e5e5e5', '#666666', '#f14c4c', '#23d18b', '#f5f543', '#3b8eea', '#d670d6',
                '#29b8db', '#ffffff'][n]
    if n >= 232:
        return '#' + f'{8 + 10 * (n - 232):02x}' * 3
    n -= 16
    return '#' + ''.join(f'{v * 40 + 55 if v else 0:02x}' for v in (n // 36, n // 6 % 6, n % 6))


def pieces(line, look):
    """(text, look) of a line; look goes on into the next one, as tmux has it."""
    for part in re.findall(r'\x1b\[[0-9;]*m|[^\x1b]+', line):
        if part[0] != '\x1b':
            yield part, dict(look)
            continue
        codes = [int(c or 0) for c in part[2:-1].split(';')]
        while codes:
            code = codes.pop(0)
            if code == 0:
                look.clear()
            elif code == 38:
                look['fill'] = colour(codes[1])
                del codes[:2]
            elif 30 <= code <= 37:
                look['fill'] = colour(code - 30)
            elif code == 39:
                look.pop('fill', None)
            elif code in (1, 4, 7):
                look[code] = True


def draw(x, y, text, look):
    fore, back = look.get('fill', TEXT), None
    width = len(text) * WIDTH
    if look.get(7):
        fore, back = BACK, fore
    if back:
        yield (f'<rect x="{x:.1f}" y="{y - HEIGHT + 5:.1f}" width="{width:.1f}" '
               f'height="{HEIGHT}" fill="{back}"/>')
    if not text.strip():
        return
    style = ' font-weight="bold"' if look.get(1) else ''
    style += ' text-decoration="underline"' if look.get(4) else ''
    yield (f'<text x="{x:.1f}" y="{y:.1f}" textLength="{width:.1f}" fill="{fore}"{style}>'
           f'{html.escape(text)}</text>')


def svg(screen):
    width, height = COLUMNS * WIDTH + 2 * MARGIN, LINES * HEIGHT + 2 * MARGIN
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
           f'viewBox="0 0 {width:.0f} {height:.0f}">',
           f'<rect width="100%" height="100%" rx="6" fill="{BACK}"/>',
           '<g font-family="DejaVu Sans Mono,Menlo,Consolas,monospace" font-size="14" '
           'xml:space="preserve">']
    look = {}
    for row, line in enumerate(screen.split('\n')[:LINES]):
        x, y = MARGIN, MARGIN + (row + 1) * HEIGHT - 5
        for text, how in pieces(line, look):
            out += draw(x, y, text, how)
            x += len(text) * WIDTH
    return '\n'.join(out + ['</g>', '</svg>', ''])


def picture():
    """As it is drawn now."""
    with tempfile.TemporaryDirectory() as folder:
        t.recording(folder)
        with t.Tmux([t.ZCTRACE, '-o', 'top', '-r', 'chain.pcapng'], (COLUMNS, LINES),
                    folder) as term:
            term.to_end()
            term.type(':theme dark')
            term.press('Enter')
            return svg(term.settled(color=True))


if __name__ == '__main__':
    with open(sys.argv[1] if len(sys.argv) > 1 else PATH, 'w', encoding='utf-8') as f:
        f.write(picture())
