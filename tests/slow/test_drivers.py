#!/usr/bin/env python3
"""Drivers of Java and Go: spans against the databases' own logs and what the drivers got."""
import collections
import os
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                                'live'))
# pylint: disable=wrong-import-position
from lib import ROOT, Skip, Zctrace, main, maven, need, test, wait_for  # noqa: E402
from mysql_server import PASSWORD, MySQL  # noqa: E402
from postgresql_server import PostgreSQL  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
SIDE = ('CONNECT', 'PREPARE', 'CLOSE')  # what the log calls otherwise, or not at all
LIBRARIES = (('org.postgresql', 'postgresql', '42.7.4'),
             ('org.mariadb.jdbc', 'mariadb-java-client', '3.5.1'))
POM = '''<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>t</groupId><artifactId>t</artifactId><version>1</version><dependencies>{}</dependencies>
</project>'''.format(''.join(f'<dependency><groupId>{g}</groupId><artifactId>{a}</artifactId>'
                             f'<version>{v}</version></dependency>' for g, a, v in LIBRARIES))
GO_MOD = '''module zctrace.test/drivers

go 1.21

require (
	github.com/go-sql-driver/mysql v1.8.1
	github.com/jackc/pgx/v5 v5.7.1
	github.com/lib/pq v1.10.9
)
'''


def java(t):
    return ['java', '-cp', maven(t, POM, 'jdbc'), os.path.join(HERE, 'Jdbc.java')]


def go(t):
    need('go')
    out = os.path.join(ROOT, 'build', 'live', 'drivers')
    shutil.copy(os.path.join(HERE, 'drivers.go'), t.path('main.go'))
    t.file('go.mod', GO_MOD)
    p = subprocess.run(['go', 'build', '-p', '2', '-o', out, '.'], cwd=t.tmp, env=dict(
        os.environ, GOTOOLCHAIN='local', GOFLAGS='-mod=mod'), capture_output=True, text=True,
        timeout=300, check=False)
    if p.returncode:
        raise Skip(f'the drivers do not build here: {p.stderr[-200:]}')
    return [out]


def words(statements):
    """A statement of nothing but a comment has none; the log keeps the comment."""
    return collections.Counter('empty' if not s.strip(' ;') or s.startswith('--') else
                               s.split()[0].lower() for s in statements)


def compare(t, server, command, unlogged=()):
    """unlogged: codes of failures of which the server's log has no statement."""
    before = len(server.logged())
    z = Zctrace(t, '--port', server.port, '--role', 'server')
    p = t.run(command)
    t.equal(p.returncode, 0, f'{command[-4:]}: {p.stderr[-500:]}')
    log = [text for kind, text in server.logged()[before:]
           if kind not in ('Connect', 'Prepare', 'Close stmt', 'Quit')]

    def spans():
        return [s for s in z.spans if s['db_operation'] not in SIDE]
    wait_for(lambda: len(spans()) >= len(log))
    z.stop()
    mine = sorted(spans(), key=lambda s: s['time'])
    # a cursor's further rows are spans of the statement, of which the log has one
    further = {s['span_id'] for before, s in zip(mine, mine[1:])
               if 'where id >=' in s.get('route', '') and s.get('route') == before.get('route')}
    seen, logged = words(s.get('route', '?') for s in mine if s['span_id'] not in further
                         and s.get('db_status') not in unlogged), words(log)
    t.equal((seen - logged, logged - seen), ({}, {}), 'statements not logged, not seen')
    told = [line.split() for line in p.stdout.splitlines()]
    t.equal([s['db_status'] for s in mine if 'db_status' in s],
            [word for kind, word in told if kind == 'failed'], 'failures')
    for kind, route in ('rows', 'select v from boxes where id <'), ('cursor', 'select id from'):
        got = sum(s['rows'] for s in mine if s.get('route', '').startswith(route))
        t.equal(got, sum(int(word) for k, word in told if k == kind), kind)
    t.equal([s for s in mine if 'incomplete' in s], [], 'whole')
    t.check('sesame' not in z.out(), 'no values')
    return mine


@test
def java_postgresql(t):
    """pgjdbc: batches, statements prepared at the server, a cursor, failures"""
    program, s = java(t), PostgreSQL(t)
    address = f'jdbc:postgresql://127.0.0.1:{s.port}/postgres'
    compare(t, s, [*program, address, 'postgres', ''], ('42P01', '42601'))


@test
def java_mariadb(t):
    """MariaDB Connector/J: bulk execution, statements as text and prepared, several in one"""
    program, s = java(t), MySQL(t)
    address = f'jdbc:mariadb://127.0.0.1:{s.port}/shop?allowMultiQueries=true'
    for prepared in 'false', 'true':
        mine = compare(t, s, [*program, f'{address}&useServerPrepStmts={prepared}', 'joe',
                              PASSWORD])
        t.equal([x.get('rows') for x in mine if x['db_operation'] == 'INSERT'][:1], [500], 'bulk')
        s.client('drop table boxes', 'shop')


@test
def go_postgresql(t):
    """pgx and lib/pq, by database/sql: prepared, with arguments, rolled back, four at once"""
    program, s = go(t), PostgreSQL(t)
    for driver in 'pgx', 'postgres':
        address = f'postgres://postgres@127.0.0.1:{s.port}/postgres?sslmode=disable'
        compare(t, s, [*program, driver, address], ('42601',))
        s.psql('drop table boxes')


@test
def go_mysql(t):
    """go-sql-driver: prepared, with arguments, rolled back, four at once"""
    program, s = go(t), MySQL(t)
    compare(t, s, [*program, 'mysql', f'joe:{PASSWORD}@tcp(127.0.0.1:{s.port})/shop'])


java_postgresql.limit = java_mariadb.limit = go_postgresql.limit = go_mysql.limit = 300
sys.exit(main())
