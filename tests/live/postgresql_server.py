"""A PostgreSQL server for the tests, run by its own user, and what it says itself: its log."""
import collections
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

from h2tools import python_packages
from lib import Skip, free_port, need, wait_for, wait_port


def programs():
    found = sorted(glob.glob('/usr/lib/postgresql/*/bin'))
    if not found:
        raise Skip('needs postgresql')
    return found[-1]


class PostgreSQL:
    """trust for everybody but `joe`, whose password is asked for (SCRAM)."""

    def __init__(self, t, *settings, tls=None):
        need('runuser', 'psql')
        self.t, self.port, self.bin = t, free_port(), programs()
        self.dir = tempfile.mkdtemp(prefix='zctrace-pg-')
        self.data, self.log = os.path.join(self.dir, 'data'), os.path.join(self.dir, 'log')
        shutil.chown(self.dir, 'postgres', 'postgres')
        t.stack.callback(shutil.rmtree, self.dir, True)
        self._as_user(
            'initdb',
            '-D',
            self.data,
            '-A',
            'trust',
            '-U',
            'postgres',
            '-N',
            '-E',
            'UTF8')
        lines = [f'port = {self.port}', f"unix_socket_directories = '{self.dir}'", 'fsync = off',
                 "log_statement = 'all'", "log_line_prefix = '%p '", 'max_connections = 60',
                 "wal_level = 'logical'", "shared_preload_libraries = 'pg_stat_statements'",
                 "pg_stat_statements.track_utility = on", *settings]
        if tls:
            for kind in ('pem', 'key'):
                path = os.path.join(self.dir, f'ec.{kind}')
                shutil.copy(tls.path(f'ec.{kind}'), path)
                shutil.chown(path, 'postgres', 'postgres')
                os.chmod(path, 0o600)
                lines.append(f"ssl_{'cert' if kind == 'pem' else 'key'}_file = '{path}'")
            lines.append('ssl = on')
        with open(os.path.join(self.data, 'postgresql.conf'), 'a', encoding='ascii') as f:
            f.write('\n'.join(lines) + '\n')
        with open(os.path.join(self.data, 'pg_hba.conf'), 'w', encoding='ascii') as f:
            f.write('host all joe all scram-sha-256\nhost all all all trust\nlocal all all trust\n'
                    'host replication all all trust\n')
        with open(self.log, 'wb') as log:
            self.p = t.start(['runuser',
                              '-u',
                              'postgres',
                              '--',
                              f'{self.bin}/postgres',
                              '-D',
                              self.data],
                             stdout=log,
                             stderr=log)
        t.stack.callback(self.stop)
        wait_port(self.port)
        with open(os.path.join(self.data, 'postmaster.pid'), encoding='ascii') as f:
            self.pid = int(f.readline())
        self.env = {
            'PGHOST': '127.0.0.1',
            'PGPORT': str(
                self.port),
            'PGUSER': 'postgres',
            'PGDATABASE': 'postgres',
            'PATH': f'{self.bin}:/usr/bin:/bin',
            'LC_ALL': 'C',
            'PGSSLMODE': 'disable'}
        wait_for(lambda: self.psql('select 1').returncode == 0, 20, 0.1)
        self.psql('create extension pg_stat_statements')

    def _as_user(self, program, *args):
        p = self.t.run(['runuser', '-u', 'postgres', '--', f'{self.bin}/{program}', *args], cwd='/')
        self.t.equal(p.returncode, 0, f'{program}: {p.stderr[-400:]}')

    def stop(self):
        self.t.run(['runuser',
                    '-u',
                    'postgres',
                    '--',
                    f'{self.bin}/pg_ctl',
                    '-D',
                    self.data,
                    '-m',
                    'immediate',
                    'stop'],
                   cwd='/')

    def psql(self, *commands, stdin='', env=None):
        argv = ['psql', '-X', '-At']
        for c in commands:
            argv += ['-c', c]
        return subprocess.run(argv,
                              input=stdin,
                              env={**self.env,
                                   **(env or {})},
                              capture_output=True,
                              text=True,
                              timeout=60,
                              check=False)

    def statements(self):
        """How often each statement was carried out, as pg_stat_statements counts them."""
        rows = self.psql(
            "select calls || ' ' || translate(query, E'\\n', ' ') from pg_stat_statements "
            "where query !~ 'pg_stat_statements'").stdout.splitlines()
        counts = collections.Counter()
        for row in rows:
            calls, query = row.split(' ', 1)
            counts[re.sub(r'\$\d+', '?', query)] += int(calls)
        return counts

    def logged(self):
        """The statements of the log: [(how, text)]."""
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return re.findall(r'^\d+ LOG:  (statement|execute \S+): (.*)$', f.read(), re.M)


def python_client(t, server, script, *args, env=None):
    """Runs a Python program that may import psycopg; returns what it printed."""
    where = python_packages(t, 'psycopg[binary]==3.2.3', 'typing_extensions')
    p = t.run([sys.executable, '-c', script, *[str(a) for a in args]],
              env={**server.env, 'PYTHONPATH': where, **(env or {})})
    t.equal(p.returncode, 0, f'the client: {p.stderr[-800:]}')
    return p.stdout
