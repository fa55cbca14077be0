#!/usr/bin/env python3
"""PostgreSQL: spans against the server's log, pg_stat_statements and the clients' counts."""
import collections
import glob
import json
import os
import re
import sys

from lib import ZCTRACE_ASAN, Zctrace, free_port, main, need, replay, test, wait_for, wait_port
from postgresql_server import PostgreSQL, python_client
from tls_targets import Certs

SECRET = 'hunter2-sesame'
TRANSACTIONS = int(os.environ.get('PGBENCH_TRANSACTIONS', 20000))  # of each kind


def sql_spans(z, kind='server'):
    return [s for s in z.spans if s['protocol'] == 'postgresql' and s['kind'] == kind]


def ops(spans):
    return [s.get('db_operation') for s in spans]


def whole(t, spans):
    for s in spans:
        t.check('incomplete' not in s and s['duration_ns'] > 0, f'not whole: {s}')


@test
def psql(t):
    """psql: the statement log, rows, errors, COPY, several statements in one, a cancelled one"""
    p = PostgreSQL(t)
    z = Zctrace(t, '--port', p.port)
    text = Zctrace(t, '--port', p.port, output='text')
    before = len(p.logged())
    p.psql('create table orders(id int primary key, v text)',
           "insert into orders values (1, 'one'), (2, 'two'), (3, null)",
           'select * from orders where id in (1, 2)', 'select nosuch from orders',
           "insert into orders values (1, 'again')", 'update orders set v = 5 where id > 1',
           'begin; delete from orders where id = 3; commit', 'copy orders to stdout',
           "set statement_timeout = '50ms'", 'select pg_sleep(5)')
    p.psql('copy orders from stdin', stdin='7\tx\n8\ty\n9\tz\n')
    p.psql('select 1', env={'PGDATABASE': 'nosuch'})
    logged = [query for _, query in p.logged()[before:]]
    spans = z.finish(14, protocol='postgresql', kind='server')
    text.stop()
    whole(t, spans)
    mine = [s for s in spans if s['db_operation'] != 'CONNECT']
    t.equal(len(mine), len(logged), f'spans of {logged}')
    for s, query in zip(mine, logged):
        t.equal(s['db_operation'], query.split()[0].upper().rstrip(';'), f'operation of {query}')
    by = {s['route']: s for s in spans}
    insert = 'insert into orders values (?)'
    t.equal([s.get('rows') for s in mine if s['route'] == insert], [3, None], 'rows inserted')
    t.equal([s.get('db_status') for s in mine if s['route'] == insert],
            [None, '23505'], 'of these one is refused')
    got = by.get('select * from orders where id in (?)', {})
    t.equal((got.get('rows'), got.get('db_collection'), got.get(
        'db_namespace')), (2, 'orders', 'postgres'), 'a select')
    got = by.get('select nosuch from orders', {})
    t.equal((got.get('db_status'), got.get('db_severity'), got.get('error')),
            ('42703', 'ERROR', 'status'), 'an error')
    got = by.get('begin; delete from orders where id = ?; commit', {})
    t.equal((got.get('db_batch_size'), got.get('rows')), (3, 1), 'several statements')
    t.equal([s.get('rows') for s in mine if s['db_operation'] == 'COPY'], [3 - 1, 3], 'rows copied')
    got = by.get('select pg_sleep(?)', {})
    t.equal(got.get('db_status'), '57014', 'a statement that was cancelled')
    t.between(40e6, got.get('duration_ns'), 2e9, 'its duration')
    t.equal([s.get('db_status') for s in spans if s['db_operation']
            == 'CONNECT'], [None, None, '3D000'], 'CONNECT')
    t.equal({s['pid'] != p.pid for s in spans}, {True}, 'processes: one for each connection')
    line = ' SQLServer 0 SELECT orders(select * from orders where id in (?)) ['
    t.check(line in text.out(), f'text: no {line!r} in {text.out()[:1500]}')
    t.check(' db_status=42703' in text.out(), 'text: the status')


def pgbench(t, mode):
    for attempt in range(3):
        p = PostgreSQL(t, 'log_statement = none')
        t.equal(t.run([f'{p.bin}/pgbench', '-i', '-q'], env=p.env).returncode, 0, 'pgbench -i')
        z = Zctrace(t, '--port', p.port)
        p.psql('select pg_stat_statements_reset()')
        r = t.run([f'{p.bin}/pgbench', '-M', mode, '-n', '-c',
                  '8', '-t', str(TRANSACTIONS // 8)], env=p.env)
        t.equal(r.returncode, 0, r.stderr)
        n = TRANSACTIONS // 8 * 8
        counted = p.statements()
        wait_for(lambda: z._count() >= 7 * n, 60, 0.2)
        z.stop()
        if not z.end.get('lost_events'):
            break
        print(f'    attempt {attempt}: {z.end["lost_events"]} events lost: the machine is busy')
        p.stop()
    t.check(f'processed: {n}/{n}' in r.stdout, r.stdout)
    spans = [s for s in sql_spans(z) if s['db_operation'] not in ('CONNECT', 'PREPARE') and
             'pg_' not in s.get('route', '')]
    got = collections.Counter((s.get('route') or '').upper().rstrip(';') for s in spans)
    # what the benchmark asks once, of its tables, beside its transactions
    want = {q: k for q, k in ((q.upper().replace(' ?, ?, ?, ?, ', ' ?, '), k)
                              for q, k in counted.items()) if k >= n}
    want = {re.sub(r'\(\?(, \?)+', '(?', q): k for q, k in want.items()}
    if mode == 'prepared':  # of these it does not count what is no query
        want.update({'BEGIN': n, 'END': n})
    t.equal(sum(want.values()), 7 * n, f'what the server has counted: {want}')
    t.equal({k: v for k, v in got.items() if v >= n // 2}, want, 'statements')
    bad = [s for s in spans if 'incomplete' in s or 'error' in s]
    t.check(not bad, f'{len(bad)} are not whole: {bad[:2]}')
    t.equal({s.get('rows') for s in spans if s['db_operation'] in (
        'UPDATE', 'INSERT')}, {1}, 'rows changed')


@test
def pgbench_simple(t):
    """pgbench with simple queries: none lost, none mispaired"""
    pgbench(t, 'simple')


@test
def pgbench_extended(t):
    """pgbench with the extended protocol"""
    pgbench(t, 'extended')


@test
def pgbench_prepared(t):
    """pgbench with prepared statements"""
    pgbench(t, 'prepared')


for f in (pgbench_simple, pgbench_extended, pgbench_prepared):
    f.limit = 400

PIPELINES = r'''
import json, psycopg
c = psycopg.connect(autocommit=True, prepare_threshold=2)
c.execute('create table if not exists sizes(id int primary key, v text)')
with c.pipeline():
    for i in range(300):
        c.execute('insert into sizes values (%s, %s)', (i, 'v' * (i % 90)))
sizes = []
with c.pipeline() as p:
    cursors = [c.execute('select v from sizes where id = %s', (i,)) for i in range(300)]
    p.sync()
    sizes = [len(x.fetchone()[0]) for x in cursors]
failed = 0
try:
    with c.pipeline():
        for i in range(290, 310):
            c.execute('insert into sizes values (%s, %s) -- again', (i + 1000, 'x'))
            if i == 299:
                c.execute('insert into sizes values (1, %s) -- refused', ('x',))
except psycopg.Error as e:
    failed = e.sqlstate
with c.cursor().copy('copy sizes (id, v) from stdin') as copy:
    for i in range(5000, 5100):
        copy.write_row((i, 'row'))
out = 0
with c.cursor().copy('copy sizes to stdout') as copy:
    for row in copy.rows():
        out += 1
with c.transaction(), c.cursor(name='cur') as cur:
    cur.itersize = 50
    cur.execute('select * from sizes where id < 120')
    fetched = len(list(cur))
print(json.dumps({'sizes': sizes, 'failed': failed, 'out': out, 'fetched': fetched}))
'''


@test
def pipelines(t):
    """psycopg 3: pipelines, one with an error, prepared statements, COPY, a cursor; both ends"""
    p = PostgreSQL(t)
    z = Zctrace(t, '--port', p.port)
    told = json.loads(python_client(t, p, PIPELINES))
    logged = [query for _, query in p.logged()]
    wait_for(lambda: len(sql_spans(z)) >= 630, 20, 0.1)
    z.stop()
    for kind in ('server', 'client'):
        spans = sorted(sql_spans(z, kind), key=lambda s: s['seq'])
        if kind == 'client' and not spans:
            continue
        bad = [s for s in spans if 'incomplete' in s]
        t.check(not bad, f'{kind}: {len(bad)} are not whole: {bad[:1]}')
        selects = [s for s in spans if s.get(
            'route') == 'select v from sizes where id = ?' and s['db_operation'] == 'SELECT']
        t.equal(len(selects), 300, f'{kind}: selects')
        # a row of one column: its head, the number of columns, a length
        t.equal([s['resp_body_bytes'] - 11 for s in selects],
                told['sizes'], f'{kind}: sizes of rows, in order')
        inserts = [s for s in spans if s.get(
            'route') == 'insert into sizes values (?)' and s['db_operation'] == 'INSERT']
        t.equal(len([q for q in logged if q.startswith('insert into sizes')]),
                311, 'what the server has carried out')
        t.equal(len([s for s in inserts if s.get('rows') == 1]), 310, f'{kind}: inserts')
        t.equal(([s['db_status'] for s in inserts if 'db_status' in s], told['failed']),
                (['23505'], '23505'), f'{kind}: the one refused')
        skipped = [s for s in inserts if 'error' in s and 'db_status' not in s]
        # as many as the client had sent when it heard of the error
        t.check(
            len(skipped) <= 10 and not [
                x for x in skipped if 'rows' in x],
            f'{kind}: skipped: {skipped}')
        copies = [(s.get('rows'), s['error'] if 'error' in s else None)
                  for s in spans if s['db_operation'] == 'COPY']
        t.equal(copies, [(100, None), (told['out'], None)], f'{kind}: COPY')
        t.equal(sum(s['rows'] for s in spans if s['db_operation']
                == 'FETCH'), told['fetched'], f'{kind}: FETCH')


BEFORE = r'''
import sys, psycopg
c = psycopg.connect(autocommit=True, prepare_threshold=0)
q = 'select %s::int + 1'
c.execute(q, (1,)), c.execute(q, (2,))
print('ready', flush=True)
sys.stdin.readline()
for i in range(20):
    c.execute(q, (i,))
c.execute('select 5 as seen', prepare=False)
c.execute('select %s::int + 2', (1,))
c.execute('select %s::int + 2', (2,))
print('done', flush=True)
'''


@test
def opened_before(t):
    """opened and prepared before attaching: the statement is not seen, and not guessed"""
    import subprocess
    from h2tools import python_packages
    p = PostgreSQL(t)
    where = python_packages(t, 'psycopg[binary]==3.2.3', 'typing_extensions')
    c = t.start([sys.executable, '-c', BEFORE], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True, env={**p.env, 'PYTHONPATH': where})
    t.equal(c.stdout.readline(), 'ready\n', 'the client')
    z = Zctrace(t, '--port', p.port, '-w', t.path('late'))
    c.stdin.write('\n')
    c.stdin.flush()
    t.equal(c.stdout.readline(), 'done\n', 'the client')
    spans = z.finish(23, protocol='postgresql', kind='server')
    again, _ = replay(t, t.path('late'))
    t.equal(*[[(s['time'], s['db_operation'], s.get('route'), s['resp_bytes'], s.get('incomplete'))
               for s in sorted(x, key=lambda s: s['time'])] for x in (again, spans)], 'replayed')
    unseen = [s for s in spans if 'statement-not-seen' in s.get('incomplete', [])]
    t.equal(
        (len(unseen), {
            s.get('db_operation') for s in unseen}, {
            s.get('route') for s in unseen}, {
                s.get('rows') for s in unseen}), (20, {'SELECT'}, {None}, {1}), 'not seen')
    rest = [s.get('route') for s in spans if s not in unseen and s['db_operation'] == 'SELECT']
    t.equal(rest, ['select ? as seen', 'select ?::int + ?', 'select ?::int + ?'], 'seen')
    t.check(not [s for s in spans if 'error' in s], f'errors: {spans}')


@test
def tls(t):
    """inside TLS, by SSLRequest: psql and the server"""
    p = PostgreSQL(t, tls=Certs())
    z = Zctrace(t, '--port', p.port)
    for i in range(5):
        r = p.psql('select pg_sleep(0.3)',
                   *[f'select {n} as number' for n in range(20)],
                   "select repeat('x', 40000)",
                   env={'PGSSLMODE': 'require'})
        t.equal(r.stdout.splitlines()[-2:], ['19', 'x' * 40000], r.stderr)
    z.finish(5, route='select repeat(?)')
    spans = sql_spans(z)
    got = collections.Counter(s.get('route') for s in spans)
    t.equal((got['select ? as number'], got['select repeat(?)']), (100, 5), 'spans')
    t.equal({s['tls'] for s in spans}, {'openssl'}, 'TLS')
    # the process that serves a connection begins with it, and may have done so before its probes:
    # then what comes first is in doubt, and says so, until enough has agreed
    asked = [s for s in spans if s.get('route') == 'select ? as number']
    whole = [s for s in asked if 'incomplete' not in s]
    doubts = {w for s in asked for w in s.get('incomplete', ())}
    print(f'# {len(whole)} of {len(asked)} statements without a doubt', flush=True)
    t.check(not [s for s in whole if 'error' in s or s['rows'] != 1], f'whole: {whole[:2]}')
    t.check(doubts <= {'attached-late', 'lost-events'}, f'doubts: {doubts}')
    t.check(len(whole) >= 20, f'{len(whole)} of {len(asked)} are whole')


@test
def pgbouncer(t):
    """through pgbouncer: its requests and those it makes, and the server's"""
    need('pgbouncer')
    p, port = PostgreSQL(t), free_port()
    ini = os.path.join(p.dir, 'pgbouncer.ini')
    with open(ini, 'w', encoding='ascii') as f:
        f.write(
            f'[databases]\n* = host=127.0.0.1 port={p.port} user=postgres\n[pgbouncer]\n'
            'listen_addr = 127.0.0.1\n'
            f'listen_port = {port}\nauth_type = any\npool_mode = transaction\nunix_socket_dir =\n')
    os.chmod(ini, 0o644)
    b = t.start(['runuser', '-u', 'postgres', '--', 'pgbouncer', '-q', ini])
    wait_port(port)
    z = Zctrace(t, '--port', port, '--port', p.port, '--pid', b.pid)
    for i in range(10):
        t.equal(
            p.psql(
                f'select {i} as proxied',
                env={
                    'PGPORT': str(port)}).stdout,
            f'{i}\n',
            'an answer')
    wait_for(lambda: len([s for s in z.spans if s.get(
        'route') == 'select ? as proxied']) >= 20, 10, 0.05)
    z.stop()
    spans = [s for s in z.spans if s.get('route') == 'select ? as proxied']
    ends = collections.Counter((s['kind'], s['server_port'] == port) for s in spans)
    t.equal((ends['server', True], ends['server', False]), (10, 10), 'at the proxy, at the server')
    t.check(not [s for s in spans if 'incomplete' in s or 'error' in s], f'whole: {spans[:2]}')


SERVICE = r'''
import http.server, sys, psycopg
c = psycopg.connect(autocommit=True)
class H(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        n = int(self.path[1:])
        body = b''
        for i in range(n):
            body += str(c.execute('select name from items where id = %s', (i,)).fetchone()).encode()
        c.execute('update items set name = %s where id = %s', ('x', n))
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a):
        pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()
'''


@test
def waterfall(t):
    """an HTTP service that asks PostgreSQL: its statements hang under its requests"""
    from h2tools import python_packages
    p, port = PostgreSQL(t), free_port()
    p.psql("create table items as select g as id, 'i' || g as name from generate_series(0, 99) g")
    where = python_packages(t, 'psycopg[binary]==3.2.3', 'typing_extensions')
    service = t.start([sys.executable, '-c', SERVICE, str(port)],
                      env={**p.env, 'PYTHONPATH': where})
    wait_port(port)
    z = Zctrace(t, '--pid', service.pid, '--port', p.port)
    w = Zctrace(t, '--pid', service.pid, output='waterfall')
    for n in range(1, 8):
        t.equal(t.run(['curl', '-sS', f'http://127.0.0.1:{port}/{n}']).returncode, 0, 'the service')
    wait_for(lambda: len(sql_spans(z, 'client')) >= 35, 10, 0.05)
    z.stop()
    w.stop()
    http = {s['path']: s for s in z.spans if s['protocol'].startswith(
        'http') and s['kind'] == 'server'}
    for n in range(2, 8):  # of the first, which began before a request was seen, there is a doubt
        parent = http.get(f'/{n}', {}).get('span_id')
        mine = [s for s in sql_spans(z, 'client') if s.get('parent_span_id') == parent]
        t.equal(
            collections.Counter(
                s['db_operation'] for s in mine if s['db_operation'] not in (
                    'PREPARE',)), {
                'SELECT': n, 'UPDATE': 1}, f'statements of request {n}')
        ends = [s for s in sql_spans(z) if s.get('parent_span_id') in {m['span_id'] for m in mine}]
        t.equal(len(ends), len(mine), 'the other ends')
    text = w.out()
    t.check(re.search(r'GET.*/3.*\n.*SELECT.*items', text), f'waterfall: {text[:1500]}')
    t.check(' → postgres select name from items where id = ? ×7' in text, f'folded: {text[-1500:]}')


@test
def secrets(t):
    """no secret in any output, and none in a recording, of which the same spans come again"""
    p = PostgreSQL(t)
    z = Zctrace(t, '--port', p.port, '-w', t.path('rec.pcapng'))
    others = [Zctrace(t, '--port', p.port, output=o) for o in ('text', 'waterfall', 'summary')]
    shows = Zctrace(t, '--port', p.port, '--no-redact')
    p.psql(
        'create table tokens(id int primary key, v text)',
        f"insert into tokens values (1, '{SECRET}')",
        f"select * from tokens where v = '{SECRET}'",
        f"select $${SECRET}$$ || E'\\n{SECRET}' -- {SECRET}",
        f"create role joe login password '{SECRET}'",
        f"alter role joe password '{SECRET}'",
        f"select '{SECRET}'::int",
        f"do $x$ begin raise exception '{SECRET}'; end $x$",
        'copy tokens to stdout')
    p.psql('copy tokens from stdin', stdin=f'2\t{SECRET}\n')
    python_client(
        t, p, f'import psycopg\nc = psycopg.connect(autocommit=True, prepare_threshold=0)\n'
        f'c.execute("select %s", ("{SECRET}",))')
    t.equal(p.psql('select 1', env={'PGUSER': 'joe', 'PGPASSWORD': SECRET}).stdout, '1\n', 'SCRAM')
    t.check(
        p.psql(
            'select 1',
            env={
                'PGUSER': 'joe',
                'PGPASSWORD': SECRET + 'x'}).returncode,
        'a wrong password')
    spans = z.finish(17, protocol='postgresql', kind='server')
    for q in (z, shows, *others):
        q.stop()
    spans = sql_spans(z)
    again, _ = replay(t, t.path('rec.pcapng'))
    keys = (
        'db_operation',
        'db_collection',
        'route',
        'db_query',
        'db_query_shape',
        'db_status',
        'rows',
        'error',
        'req_bytes',
        'resp_bytes',
        'duration_ns',
        'span_id')
    t.equal([[s.get(k) for k in keys] for s in again if s['protocol'] == 'postgresql'], [
            [s.get(k) for k in keys] for s in z.spans
            if s['protocol'] == 'postgresql'], 'the replay')
    t.equal(
        replay(
            t,
            t.path('rec.pcapng'),
            binary=ZCTRACE_ASAN)[0],
        again,
        'the same with the sanitizers')
    for path in glob.glob(t.path('*')):
        if os.path.isfile(path) and path != shows.out_path:
            with open(path, 'rb') as f:
                t.check(SECRET.encode() not in f.read(), f'a secret is in {os.path.basename(path)}')
    shown = [s for s in sql_spans(shows) if SECRET in json.dumps(s)]
    t.check(len(shown) >= 3, f'what is asked for is shown: {len(shown)}')
    t.check(not [s for s in shown if 'password' in json.dumps(s)], f'passwords are not: {shown}')
    t.check('CONNECT' in ops(spans), 'CONNECT')


if __name__ == '__main__':
    sys.exit(main())
