#!/usr/bin/env python3
"""MariaDB: spans against the server's general log and what its clients got."""
import collections
import glob
import os
import subprocess
import sys

from h2tools import python_packages
from lib import ZCTRACE_ASAN, Zctrace, main, replay, test, wait_for
from mysql_server import PASSWORD, MySQL, python_client
from tls_targets import Certs


def sql_spans(z, kind='server'):
    return [s for s in z.spans if s['protocol'] == 'mysql' and s['kind'] == kind]


def whole(t, spans):
    for s in spans:
        t.check('incomplete' not in s and s['duration_ns'] > 0, f'not whole: {s}')


@test
def client(t):
    """mariadb: the general log, rows, errors, a loaded file, a refused password, compression"""
    m = MySQL(t)
    z = Zctrace(t, '--port', m.port)
    text = Zctrace(t, '--port', m.port, output='text')
    before = len(m.logged())
    m.client("create table orders(id int primary key, v text); insert into orders values "
             "(1, 'one'), (2, null); select * from orders where id in (1, 2); "
             "insert into orders values (1, 'again')", 'shop')
    path = t.file('rows', '7\tx\n8\ty\n9\tz\n')
    m.client(f"load data local infile '{path}' into table orders; update orders set v = 5 "
             'where id > 2; select * from orders', 'shop', '--local-infile=1')
    m.client('select 5', '--compress')
    t.check(m.client('select 1', password='wrong').returncode, 'a wrong password')
    asked = [q for kind, q in m.logged()[before:] if kind == 'Query' and q != 'select 5']
    spans = z.finish(13, protocol='mysql')
    text.stop()
    whole(t, [s for s in spans if s['db_operation'] != 'COMPRESSED'])
    mine = [s for s in spans if s['db_operation'] not in ('CONNECT', 'COMPRESSED')]
    t.equal([s['db_operation'] for s in mine], [q.split()[0].upper() for q in asked], 'statements')
    by = {s['route']: s for s in mine}
    got = by.get('select * from orders where id in (?)', {})
    t.equal((got.get('rows'), got.get('db_collection'), got.get('db_namespace')),
            (2, 'orders', 'shop'), 'a select')
    inserts = [s for s in mine if s['db_operation'] == 'INSERT']
    t.equal([(s.get('rows'), s.get('db_status'), s.get('db_code'), s.get('error'))
            for s in inserts], [(2, None, None, None), (None, '23000', 1062, 'status')], 'inserts')
    t.equal([s.get('rows') for s in mine if s['db_operation'] in ('LOAD', 'UPDATE')], [3, 3],
        'rows')
    t.equal([s.get('db_status') for s in spans if s['db_operation'] == 'CONNECT'],
            [None, None, None, '28000'], 'CONNECT')
    t.equal([s['db_operation'] for s in spans].count('COMPRESSED'), 1, 'a compressed connection')
    t.check(' SQLServer 0 SELECT orders(select * from orders where id in (?)) [' in text.out(),
            f'text: {text.out()[:1200]}')


SCRIPT = r'''
u.execute('create table if not exists sizes(id int primary key, v text)')
for i in range(300):
    u.execute('insert into sizes values (%s, %s)', (i, 'v' * (i % 90)))
sizes = []
for i in range(300):
    u.execute('select v from sizes where id = %s', (i,))
    sizes.append(len(u.fetchone()[0]))
u.execute('select 1; select id from sizes where id < 7; update sizes set v = 1 where id < 3')
while u.nextset():
    pass
c.ping()
c.select_db('mysql')
u.execute('select 5')
c.close()
print(sizes)
'''


@test
def pymysql(t):
    """PyMySQL: sizes of rows in order, several results of one query"""
    m = MySQL(t)
    z = Zctrace(t, '--port', m.port)
    sizes = eval(python_client(t, m, SCRIPT))
    spans = z.finish(606, protocol='mysql')
    whole(t, spans)
    by = collections.Counter(s.get('route') for s in spans)
    t.equal((by['insert into sizes values (?)'],
            by['select v from sizes where id = ?']), (300, 300), 'spans')
    got = [
        s['resp_body_bytes'] -
        1 for s in spans if s.get('route') == 'select v from sizes where id = ?']
    t.equal(got, sizes, 'sizes of rows, in order')
    several = [s for s in spans if 'db_batch_size' in s]
    t.equal([(s['db_batch_size'], s['rows']) for s in several], [(3, 1 + 7 + 3)], 'several results')
    t.equal([s['db_operation'] for s in spans[-3:]], ['PING', 'USE', 'SELECT'], 'commands')
    t.equal(spans[-1].get('db_namespace'), 'mysql', 'the database')


@test
def tls_client(t):
    """inside TLS at the client: what mariadb asks for, as the server logs it"""
    m = MySQL(t, tls=Certs())
    before = len(m.logged())
    z = Zctrace(t, '--', 'sh', '-c', 'exec mariadb "$@" > /dev/null', 'sh', '-h127.0.0.1',
                f'-P{m.port}', '-ujoe', f'-p{PASSWORD}', '--ssl', 'shop', '-e',
                'create table q (a int); insert into q values (1), (2), (3); select a from q; '
                'select nosuch from q', wait=False)
    z.wait()
    logged = [text for command, text in m.logged()[before:] if command == 'Query']
    spans = sorted(sql_spans(z, 'client'), key=lambda s: s['time'])
    t.equal([s['db_operation'] for s in spans],
            ['CONNECT'] + [text.split()[0].upper() for text in logged], 'as logged')
    t.equal([s.get('rows') for s in spans[-3:]], [3, 3, None], 'rows')
    t.equal((spans[-1].get('db_status'), spans[-1].get('error')), ('42S22', 'status'), 'an error')
    t.equal({s['tls'] for s in spans}, {'openssl'}, 'TLS')
    t.equal([s for s in spans if 'incomplete' in s], [], 'whole')


@test
def tls(t):
    """inside TLS, which begins within the connection, at the server: every statement"""
    m = MySQL(t, tls=Certs())
    z = Zctrace(t, '--port', m.port)
    out = python_client(t, m, 'u.execute("show status like %s", ("Ssl_cipher",))\n'
                        'print(bool(u.fetchone()[1]))\nfor i in range(100):\n'
                        '    u.execute("select %s as tls", (i,))\n'
                        '    assert u.fetchall() == ((i,),)\n'
                        'c.close()\n', tls=True)
    t.equal(out, 'True\n', 'it is TLS')
    spans = z.finish(100, protocol='mysql', route='select ? as tls')
    t.equal((len(spans), {s['tls'] for s in spans}), (100, {'openssl'}), 'statements')
    t.check(not [s for s in spans if 'error' in s or s['rows'] != 1], f'whole: {spans[:2]}')
    t.equal([s['db_operation'] for s in sql_spans(z)],
            ['CONNECT', 'SET', 'SHOW'] + ['SELECT'] * 100, 'all of the connection')
    t.check(not [s for s in sql_spans(z) if 'incomplete' in s], f'whole: {z.spans[:3]}')
    t.check(PASSWORD not in z.out(), 'no secret')


BEFORE = r'''
import sys, mysql.connector
c = mysql.connector.connect(host='127.0.0.1', port=int(sys.argv[1]), user='joe',
                            password=sys.argv[2], database='shop', use_pure=True, ssl_disabled=True)
u, plain = c.cursor(prepared=True), c.cursor()
u.execute('select %s as early', (1,)); u.fetchall()
print('ready', flush=True)
sys.stdin.readline()
for i in range(20):
    u.execute('select %s as early', (i,))
    assert u.fetchall() == [(i,)]
plain.execute('select 7 as seen'); plain.fetchall()
v = c.cursor(prepared=True)
for i in range(20):
    v.execute('select %s as late', (i,))
    assert v.fetchall() == [(i,)]
print('done', flush=True)
'''


@test
def opened_before(t):
    """opened and prepared before attaching: the statement is not seen, and not guessed"""
    m = MySQL(t)
    where = python_packages(t, 'mysql-connector-python==9.1.0')
    c = t.start([sys.executable, '-c', BEFORE, str(m.port), PASSWORD], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True, env=dict(os.environ, PYTHONPATH=where))
    t.equal(c.stdout.readline(), 'ready\n', 'the client')
    z = Zctrace(t, '--port', m.port)
    c.stdin.write('\n')
    c.stdin.flush()
    t.equal(c.stdout.readline(), 'done\n', 'the client')
    late = z.finish(20, protocol='mysql', route='select ? as late', db_operation='SELECT')
    t.equal((len(late), {s.get('rows') for s in late}), (20, {1}), 'prepared since')
    unseen = [s for s in z.spans if 'statement-not-seen' in s.get('incomplete', ())]
    t.equal((len(unseen), {s.get('route') for s in unseen}, {s.get('rows') for s in unseen}),
            (20, {None}, {1}), 'prepared before')
    t.equal([s.get('rows') for s in z.spans if s.get('route') == 'select ? as seen'], [1], 'plain')
    t.check(not [s for s in z.spans if 'error' in s or s.get('route') == 'select ? as early'],
            f'errors: {z.spans}')


@test
def long_packets(t):
    """a statement, and a row, of more than 16 MiB"""
    m = MySQL(t, '--max-allowed-packet=64M')
    z = Zctrace(t, '--port', m.port)
    out = python_client(
        t, m, 'c.max_allowed_packet = 64 << 20\n'
        'u.execute("select length(%s)", ("x" * 17000000,))\nprint(u.fetchone()[0])\n'
        'u.execute("select repeat(%s, 17000000)", ("x",))\n'
        'print(len(u.fetchone()[0]))\nu.execute("select 3")\n')
    t.equal(out, '17000000\n17000000\n', 'the client')
    spans = [s for s in z.finish(5, protocol='mysql')
             if s.get('route') not in ('CONNECT', 'SET NAMES utf8mb4', 'SET AUTOCOMMIT = ?')]
    t.equal(spans[-1].get('route'), 'select ?', 'what follows is found')
    # so many bytes may be more than are copied in time: then it is not known, and said so
    want = ('select length(?)', 'select repeat(?)', 'select ?')
    for s, route in zip(spans, want):
        t.check(s.get('route') == route or 'incomplete' in s, f'{route}: {s}')


@test
def secrets(t):
    """no secret in any output, and none in a recording, of which the same spans come again"""
    m = MySQL(t)
    z = Zctrace(t, '--port', m.port, '-w', t.path('rec.pcapng'))
    others = [Zctrace(t, '--port', m.port, output=o) for o in ('text', 'waterfall', 'summary')]
    shows = Zctrace(t, '--port', m.port, '--no-redact')
    m.client(
        f"create table tokens(id int, v text); insert into tokens values (1, '{PASSWORD}'); "
        f"select * from tokens where v = '{PASSWORD}'; select \"{PASSWORD}\" /* {PASSWORD} */",
            'shop')
    m.client(f"create user ann identified by '{PASSWORD}'", 'shop')
    m.client(f"set password for ann = password('{PASSWORD}')", 'shop')
    m.client(f"signal sqlstate '45000' set message_text = '{PASSWORD}'", 'shop')
    z.finish(11, protocol='mysql')
    for q in (z, shows, *others):
        q.stop()
    again, _ = replay(t, t.path('rec.pcapng'))
    keys = (
        'db_operation',
        'db_collection',
        'route',
        'db_query_shape',
        'db_status',
        'db_code',
        'rows',
        'error',
        'req_bytes',
        'resp_bytes',
        'duration_ns',
        'span_id',
        'db_namespace')
    t.equal([[s.get(k) for k in keys] for s in again],
            [[s.get(k) for k in keys] for s in z.spans], 'the replay')
    t.equal(replay(t, t.path('rec.pcapng'), binary=ZCTRACE_ASAN)[0], again, 'with the sanitizers')
    for path in glob.glob(t.path('*')):
        if os.path.isfile(path) and path != shows.out_path:
            with open(path, 'rb') as f:
                t.check(
                    PASSWORD.encode() not in f.read(),
                    f'a secret is in {os.path.basename(path)}')
    shown = [s for s in shows.spans if PASSWORD in str(s)]
    t.check(len(shown) >= 2, f'what is asked for is shown: {len(shown)}')
    t.check(not [s for s in shown if 'identified' in str(s) or 'set password' in str(s)],
            f'passwords are not: {shown}')


if __name__ == '__main__':
    sys.exit(main())
