#!/usr/bin/env python3
"""The view of the network: who talks to whom, of whatever protocol, in groups, and the way down to
the requests."""
import glob
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(1, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'cli'))
import capture as c
import terminal as t

SHOP, DB, CLIENT = '10.0.0.9', '10.1.0.5', '192.0.2.1'


def make(path):
    """A client asks the shop, one answer is sent again; the shop asks its database, in no known
    protocol; a connect is refused; a question of DNS."""
    p = c.Packets()
    shop = c.Conversation(p, client=40001, ends=(CLIENT, SHOP))
    shop.exchange(c.get('/orders'), c.OK)
    shop.send(0, c.get('/again'))
    seq = shop.seq[1]
    shop.send(1, c.OK)
    shop.segment(1, c.ACK | c.PSH, c.OK, seq=seq, seconds=0.25)
    shop.segment(0, c.ACK)
    db = c.Conversation(p, port=9999, client=50001, ends=(SHOP, DB))
    db.exchange(b'\x01' * 3000, b'\x02' * 7000)
    db.end()
    refused = c.Conversation(p, port=81, client=40002, ends=(CLIENT, SHOP), syn=False)
    refused.segment(0, c.SYN, seq=1000)
    refused.segment(1, c.RST | c.ACK, seq=0, ack=1001)
    query = bytes.fromhex('123401000001000000000000') + b'\x04shop\x00\x00\x01\x00\x01'
    p.ip(c.udp(CLIENT, '192.0.2.53', 53, query))
    p.time += 10**9
    shop.exchange(c.get('/last'), c.OK)
    p.pcap(path)


def row(screen, name):
    """The figures of a row, by the headings."""
    lines = screen.split('\n')
    head = next((l for l in lines if 'RETR' in l and 'OUT' in l), '')
    line = next((l for l in lines if l.startswith(name + ' ')), '')
    found = {}
    for m in re.finditer(r'(MIN RTT|PKT OUT|PKT IN|\S+)', head):
        figures = line[:m.end()].rstrip('▼▲').split()
        if len(line) >= m.end() and figures:
            found[m[0].rstrip('▼▲')] = figures[-1]
    return found


def groups(term):
    s = term.press('7')
    web = row(s, f'{CLIENT} → {SHOP}:80')
    t.check(web.get('RETR') == '1' and web.get('CONNS') == '1' and web.get('FAILED') == '0',
            'a pair, and what was sent again', web, s)
    db = row(s, f'{SHOP} → {DB}:9999')
    t.check((db.get('OUT'), db.get('IN')) == ('2.92KiB', '6.83KiB'), 'no protocol is known', db, s)
    t.check(row(s, f'{CLIENT} → {SHOP}:81').get('FAILED') == '1', 'a connect that failed', s)
    t.check(row(s, f'{CLIENT} → 192.0.2.53:53').get('OUT') == '22B', 'datagrams', s)
    total = row(s, 'TOTAL')
    t.check((total.get('CONNS'), total.get('FAILED'), total.get('RETR')) == ('4', '1', '1'),
            'all together', total, s)
    names = [l.split()[0] for l in s.split('\n')[3:7]]
    t.check(names[0] == SHOP, 'the most bytes first', s)
    for key, by, name in (('4', 'port', '9999 tcp'), ('5', 'zone', 'shops → dbs'),
                          ('3', 'peer', SHOP), ('2', 'process', '(unknown)')):
        s = term.press('o')
        t.check('group by  1 pair' in s, 'o has a menu', s)
        s = term.press(key)
        t.check(f'by {by}' in s and by.upper() in s and row(s, name), f'by {by}', s)
    s = term.press('O')
    t.check('by pair' in s, 'O takes the one before', s)


def down(term):
    s = term.press('7', '/')
    term.type('status == 200')
    s = term.press('Enter')
    t.check(row(s, f'{SHOP} → {DB}:9999') and 'the filter is of requests' in s,
            'the filter does not change it', s)
    s = term.press('Escape', 's')
    t.check('sort by' in s and 'RETR' in s, 's offers the columns', s)
    column = re.search(r'(\w) RETR', s)[1]
    s = term.press(column)
    t.check(s.split('\n')[3].startswith(f'{CLIENT} → {SHOP}:80'), 'sorted', s)
    s = term.press('Enter')
    t.check(f'{CLIENT}:40001' in s and f'{SHOP}:80' in s and f'{DB}:9999' not in s,
            'Enter: the connections of the row', s)
    s = term.press('Enter')
    t.check('/orders' in s and '/last' in s, 'Enter: its requests', s)
    s = term.press('Escape', 'Escape')
    t.check('PAIR' in s and row(s, 'TOTAL'), 'Esc goes back', s)
    s = term.press('m')
    t.check('PAIR 5m' in s, 'the heading has the window', s)
    term.press('m', 'm', 'm')


def over(term):
    """A connection that is over is there with its state."""
    term.press('7', 's', '1')
    for step in range(5):
        s = term.press('Enter')
        if 'refused' in s:
            break
        term.press('Escape', 'Down')
    t.check('refused' in s and f'{SHOP}:81' in s, f'one that was refused', s)
    term.press('Escape')


def saved(term, folder):
    term.press('7', 'w')
    term.wait('saved|rows|lines')
    files = glob.glob(os.path.join(folder, 'zctrace-*.jsonl'))
    lines = [json.loads(l) for f in files for l in open(f, encoding='utf-8')]
    got = {r['name']: r for r in lines if r.get('type') == 'network'}
    db = got.get(f'{SHOP} → {DB}:9999', {})
    t.check((db.get('out_bytes'), db.get('in_bytes'), db.get('by')) == (3000, 7000, 'pair'),
            'w saves the rows', lines)


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make('net.pcap')
        args = [t.ZCTRACE, '-o', 'top', '-r', 'net.pcap', f'--zone=shops={SHOP}/32',
                '--zone=dbs=10.1.0.0/16']
        with t.Tmux(args, (140, 30), folder) as term:
            term.to_end()
            groups(term)
            down(term)
            over(term)
            saved(term, folder)
    return t.done()


sys.exit(main())
