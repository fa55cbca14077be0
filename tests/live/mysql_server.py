"""A MariaDB server for the tests, run by its own user, and what it says itself: its general log."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

from h2tools import python_packages
from lib import free_port, need, wait_for, wait_port

PASSWORD = 'hunter2-sesame'


class MySQL:
    """`joe`, whose password is asked for, may do everything."""

    def __init__(self, t, *args, tls=None):
        need('runuser', 'mariadbd', 'mariadb', 'mariadb-install-db')
        self.t, self.port = t, free_port()
        self.dir = tempfile.mkdtemp(prefix='zctrace-my-')
        shutil.chown(self.dir, 'mysql', 'mysql')
        t.stack.callback(shutil.rmtree, self.dir, True)
        self.socket, self.log = os.path.join(self.dir, 's'), os.path.join(self.dir, 'general.log')
        if tls:
            args += tuple(self._own(tls, kind) for kind in ('cert', 'key'))
        p = t.run(['mariadb-install-db', '--user=mysql', f'--datadir={self.dir}/data',
                   '--auth-root-authentication-method=normal', '--skip-test-db'])
        t.equal(p.returncode, 0, f'mariadb-install-db: {p.stderr[-400:]}')
        with open(t.path('mariadbd.log'), 'wb') as log:
            self.p = t.start(['runuser', '-u', 'mysql', '--', 'mariadbd', '--no-defaults',
                              f'--datadir={self.dir}/data', f'--port={self.port}',
                              '--bind-address=127.0.0.1', f'--socket={self.socket}',
                              '--general-log', f'--general-log-file={self.log}', '--local-infile=1',
                              '--innodb-flush-log-at-trx-commit=0', *args], stdout=log, stderr=log)
        wait_port(self.port, timeout=30)
        sql = (f"create user joe@'127.0.0.1' identified by '{PASSWORD}'; "
               "grant all on *.* to joe@'127.0.0.1'; create database shop")
        wait_for(lambda: t.run(['mariadb', '-uroot', '-S', self.socket, '-e', sql]).returncode == 0,
                 20, 0.3)

    def _own(self, tls, kind):
        path = os.path.join(self.dir, kind)
        shutil.copy(tls.path({'cert': 'ec.pem', 'key': 'ec.key'}[kind]), path)
        shutil.chown(path, 'mysql', 'mysql')
        return f'--ssl-{kind}={path}'

    def client(self, sql, *args, password=PASSWORD):
        return subprocess.run(['mariadb', '-h127.0.0.1', f'-P{self.port}', '-ujoe', f'-p{password}',
                               *args, '-e', sql], capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)

    def logged(self):
        """What was asked for: [(command, text)]."""
        with open(self.log, encoding='utf-8', errors='replace') as f:
            return re.findall(r'^(?:\d{6} [ \d]\d:\d\d:\d\d)?\s+\d+ (\w+)\t(.*)$', f.read(), re.M)


def python_client(t, server, script, *args, tls=False):
    """Runs a Python program that may import pymysql, `c` its connection; what it printed."""
    where = python_packages(t, 'pymysql==1.1.1')
    head = (f'import pymysql, sys\nc = pymysql.connect(host="127.0.0.1", port={server.port}, '
            f'user="joe", password="{PASSWORD}", database="shop", autocommit=True, '
            f'ssl={{"check_hostname": False}} if {tls} else None, '
            'client_flag=65536)\nu = c.cursor()\n')
    p = t.run([sys.executable, '-c', head + script, *[str(a) for a in args]],
              env={'PYTHONPATH': where, 'PATH': '/usr/bin:/bin'})
    t.equal(p.returncode, 0, f'the client: {p.stderr[-800:]}')
    return p.stdout
