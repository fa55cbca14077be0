"""Conversations that carry a marker word in each place where secrets travel: word('place')."""
import json
import struct

from capture import answer

PLACES = set()


def word(place):
    """The marker of a place, by its name."""
    PLACES.add(place)
    return f'sesame-{place}.'


def w(place):
    return word(place).encode()


def head(method, path, *fields, content=b''):
    rows = ''.join(f'{f}\r\n' for f in (*fields, f'Content-Length: {len(content)}'))
    return f'{method} {path} HTTP/1.1\r\nHost: a.test\r\n{rows}\r\n'.encode() + content


# ---- HTTP

def http():
    yield head('GET', f'/a?id=1&token={word("query")}&password={word("password")}',
               f'Authorization: Bearer {word("bearer")}', f'Cookie: sid={word("cookie")}; b=2',
               f'X-Api-Key: {word("api-key")}', f'Proxy-Authorization: Basic {word("basic")}',
               f'Referer: http://b.test/?access_token={word("referer")}'), \
        answer(302, b'{"access_token": "%s"}' % w('answer'),
               f'Set-Cookie: sid={word("set-cookie")}; Secure',
               f'Location: http://c.test/?code={word("location")}')
    yield head('POST', '/login', 'Content-Type: application/x-www-form-urlencoded',
               content=b'user=joe&password=' + w('form')), answer(401, b'no ' + w('refused'))
    yield head('GET', f'http://joe:{word("userinfo")}@d.test/b?X-Amz-Signature={word("signed")}'), \
        answer(200)
    yield head('GET', f'/go?user[otp]={word("bracket")}&to=http%3A%2F%2Fjoe%3A{word("inner-user")}'
               f'%40h%2F%3Ftoken%3D{word("encoded")}', f'X-Session: {word("session")}',
               f'X-Envoy-Original-Path: /go?code={word("original")}',
               f'Sec-WebSocket-Protocol: bearer, {word("subprotocol")}'), \
        answer(200, b'', f'Server-Timing: db;desc="sig={word("timing")}"')
    yield head('GET', f'/img/https%3A%2F%2Fs%2F%3FX-Amz-Signature%3D{word("in-path")}/x'), \
        answer(200)


def named():
    """What HTTP carries: GraphQL, language models, remote calls, searches, queues."""
    def post(path, what, *fields):
        return head('POST', path, 'Content-Type: application/json', *fields,
                    content=json.dumps(what).encode())

    def said(status, what):
        return answer(status, json.dumps(what).encode(), 'Content-Type: application/json')
    yield post('/graphql', {
        'operationName': 'Orders', 'variables': {'pin': word('variable')},
        'query': 'query Orders($pin: ID) { orders(pin: $pin, v: "%s") { id } }' % word('literal')
    }), said(200, {'data': {'v': word('data')}, 'errors': [{'message': word('graphql-error')}]})
    yield post('/v1/chat/completions', {
        'model': 'gpt-4o', 'messages': [{'role': 'user', 'content': word('prompt')}]},
        f'Authorization: Bearer {word("model-key")}'), said(200, {
            'model': 'gpt-4o-1', 'choices': [{'message': {
                'role': 'assistant', 'content': word('completion')}, 'finish_reason': 'stop'}],
            'usage': {'prompt_tokens': 3, 'completion_tokens': 4}})
    yield post('/v1/messages', {'model': 'claude-x', 'max_tokens': 9, 'system': word('system'),
                                'messages': [{'role': 'user', 'content': word('message')}]},
               f'X-Api-Key: {word("anthropic-key")}', 'anthropic-version: 2023-06-01'), \
        said(200, {'type': 'message', 'role': 'assistant', 'model': 'claude-x',
                   'content': [{'type': 'text', 'text': word('reply')}],
                   'stop_reason': 'end_turn', 'usage': {'input_tokens': 5, 'output_tokens': 6}})
    yield post('/rpc', {'jsonrpc': '2.0', 'id': 1, 'method': 'add', 'params': [word('param')]}), \
        said(200, {'jsonrpc': '2.0', 'id': 1, 'error': {'code': -1, 'message': word('rpc-error'),
                                                        'data': word('rpc-data')}})
    yield post('/mcp', {'jsonrpc': '2.0', 'id': 2, 'method': 'tools/call', 'params': {
        'name': 'weather', 'arguments': {'city': word('argument')}}}), \
        said(200, {'jsonrpc': '2.0', 'id': 2, 'result': {'content': [
            {'type': 'text', 'text': word('tool-result')}], 'isError': True}})
    yield post('/shop/_search', {'query': {'match': {'pin': word('search')}}}), \
        answer(200, json.dumps({'took': 1, 'hits': {'hits': [{'v': word('hit')}]}}).encode(),
               'Content-Type: application/json', 'X-elastic-product: Elasticsearch')
    yield post('/', {'QueueUrl': 'http://q/1/orders', 'MessageBody': word('sqs')},
               'X-Amz-Target: AmazonSQS.SendMessage',
               f'Authorization: AWS4-HMAC-SHA256 Signature={word("sigv4")}'), \
        said(200, {'MessageId': '1'})


# ---- PostgreSQL

def pg(kind, *parts):
    body = b''.join(p if isinstance(p, bytes) else p.encode() + b'\0' for p in parts)
    return kind.encode() + struct.pack('>I', len(body) + 4) + body


def pg_error(kind, **fields):
    return pg(kind, *(k + v for k, v in fields.items()), b'\0')


def postgresql():
    """(requests, answers) by turns, of the server's ends."""
    ready = pg('Z', b'I')
    hello = pg('', struct.pack('>I', 196608), 'user', 'joe', 'database', 'shop', 'options',
               '-c x.y=' + word('options'), b'\0')
    yield hello, pg('R', struct.pack('>I', 3))
    yield pg('p', word('pg-password')), pg('R', struct.pack('>I', 0)) + \
        pg('S', 'server_version', '15') + ready
    for n, text in enumerate((
            "insert into t values ('%s')", "select E'\\'%s' -- %s", "select $a$%s$a$ /* %s */",
            "create role r password '%s'", "select U&'%s', B'1', N'%s'", "select '%s",
            "select dblink_connect('host=h password=%s')", "set app.key = '%s'",
            "copy t from program 'curl %s'", "comment on table t is '%s'", "notify c, '%s'",
            "do $$ begin perform '%s'; end $$", "alter user mapping for joe server s options "
            "(password '%s')", "prepare p as select '%s'", "execute p('%s')")):
        places = [f'pg-text-{n}-{i}' for i in range(text.count('%s'))]
        yield pg('Q', text % tuple(map(word, places))), pg('C', 'SELECT 0') + ready
    row = pg('T', struct.pack('>H', 1), 'v', struct.pack('>IHIHIH', 0, 0, 25, 65535, 0, 0)) + \
        pg('D', struct.pack('>HI', 1, len(w('pg-row'))) + w('pg-row'))
    value = w('pg-bind')
    yield pg('P', '', "select $1, '%s' from b" % word('pg-parse'), struct.pack('>H', 0)) + \
        pg('B', '', '', struct.pack('>HHI', 0, 1, len(value)) + value + struct.pack('>H', 0)) + \
        pg('D', b'P', '') + pg('E', '', struct.pack('>I', 0)) + pg('S'), \
        pg('1') + pg('2') + row + pg('C', 'SELECT 1') + ready
    yield pg('Q', 'select 1/0 from e'), pg_error(
        'E', S='ERROR', C='23505', M=f'duplicate "{word("pg-message")}"',
        D=f'Key (v)=({word("pg-detail")})', H=word('pg-hint'), W=word('pg-where'),
        q=f"select '{word('pg-inner')}'", n=f'postgres://joe:{word("pg-url")}@h/d') + ready
    yield pg('Q', 'select 2 from n'), pg_error(
        'N', S='NOTICE', C='00000', M=word('pg-notice')) + \
        pg('A', struct.pack('>I', 9), 'channel', word('pg-notify')) + pg('C', 'SELECT 1') + ready
    yield pg('Q', 'copy t from stdin'), pg('G', struct.pack('>BH', 0, 0))
    yield pg('d', w('pg-copy') + b'\n') + pg('f', word('pg-copy-fail')), pg_error(
        'E', S='ERROR', C='57014', M=f'COPY failed: {word("pg-copy-error")}') + ready


# ---- MySQL

def my(seq, *parts):
    body = b''.join(parts)
    return struct.pack('<I', len(body))[:3] + bytes((seq,)) + body


def lenenc(data):
    return bytes((len(data),)) + data


def mysql():
    ok = my(1, b'\0\0\0\2\0\0\0')
    caps = 0x00bff7cf & ~0x820
    greeting = my(0, b'\x0a8.0.30\0', struct.pack('<I', 7), b'12345678\0',
                  struct.pack('<HBHH', caps & 65535, 33, 2, caps >> 16), b'\x15' + b'\0' * 10,
                  b'123456789012\0', b'mysql_native_password\0')
    yield b'', greeting
    attrs = lenenc(b'program') + lenenc(w('my-attribute'))
    yield my(1, struct.pack('<IIB23x', caps, 1 << 24, 33), b'joe\0', lenenc(w('my-auth')),
             b'shop\0mysql_native_password\0', lenenc(attrs)), \
        my(2, b'\xfemysql_clear_password\0')
    yield my(3, w('my-clear'), b'\0'), my(4, b'\0\0\0\2\0\0\0')
    for n, text in enumerate((
            "insert into t values ('%s', \"%s\")", "select 1 # %s", "select _utf8'%s' -- %s",
            "select /*+ %s */ 1", "set password = '%s'", "create user u identified by '%s'",
            "change master to master_password='%s'", "select '%s", 'select "it\\"s %s"',
            "select 'it''s %s'", "/* %s */ select 2")):
        places = [f'my-text-{n}-{i}' for i in range(text.count('%s'))]
        yield my(0, b'\3', (text % tuple(map(word, places))).encode()), ok
    yield my(0, b"\x16select ?, '%s' from p" % w('my-prepare')), \
        my(1, b'\0' + struct.pack('<IHHBH', 1, 0, 1, 0, 0)) + \
        my(2, b'\3def\0\0\0\1?\0\x0c', b'\0' * 12) + my(3, b'\xfe\0\0\2\0')
    yield my(0, b'\x18' + struct.pack('<IH', 1, 0), w('my-long')) + \
        my(0, b'\x17' + struct.pack('<IBI', 1, 0, 1), b'\0\1\xfd\0', lenenc(w('my-execute'))), ok
    yield my(0, b'\3select 3 from e'), my(1, b'\xff\x26\x04#23000Duplicate entry \'', w('my-error'),
                                          b"' for mysql://joe:", w('my-url'), b'@h/d')
    row = my(4, lenenc(w('my-row')))
    column = my(2, b'\3def\0\1t\1t\1v\1v\x0c', struct.pack('<HIBHBH', 33, 99, 253, 0, 0, 0))
    yield my(0, b'\3select v from t'), my(1, b'\1') + column + my(3, b'\xfe\0\0\2\0') + row + \
        my(5, b'\xfe\0\0\2\0')
    yield my(0, b"\3load data local infile 'f' into table t"), my(1, b'\xfbf')
    yield my(2, w('my-load'), b'\n') + my(3), my(4, b'\0\1\0\2\0\0\0')
    yield my(0, b'\x11joe\0', lenenc(w('my-change')), b'shop\0'), my(1, b'\0\0\0\2\0\0\0')


# ---- Redis, memcached

def resp(*args):
    parts = [a if isinstance(a, bytes) else a.encode() for a in args]
    return b'*%d\r\n' % len(parts) + b''.join(b'$%d\r\n%s\r\n' % (len(p), p) for p in parts)


def redis():
    for args in (('AUTH', w('auth')), ('AUTH', 'joe', w('auth-user')),
                 ('HELLO', '2', 'AUTH', 'joe', w('hello')),
                 ('ACL', 'SETUSER', 'joe', 'on', b'>' + w('acl'), '~*'),
                 ('CONFIG', 'SET', 'requirepass', w('requirepass')),
                 ('CONFIG', 'SET', 'maxmemory', '1', 'masterauth', w('masterauth')),
                 ('MIGRATE', 'h', '1', 'k', '0', '9', 'AUTH2', 'joe', w('migrate')),
                 ('SET', 'k', w('set')), ('HSET', 'k', 'f', w('hset')), ('LPUSH', 'k', w('lpush')),
                 ('MSET', 'k', w('mset'), 'l', w('mset-2')), ('PUBLISH', 'c', w('publish')),
                 ('XADD', 'k', '*', 'f', w('xadd')), ('ECHO', w('echo')), ('ZADD', 'k', '1',
                 w('zadd')), ('EVAL', b'return "%s"' % w('script'), '1', 'k', w('eval'))):
        yield resp(*args), b'+OK\r\n'
    yield resp('NOSUCH', w('unknown')), b"-ERR unknown command 'NOSUCH', with args beginning " \
        b"with: '%s'\r\n" % w('redis-error')
    yield resp('GET', 'k'), b'$%d\r\n%s\r\n' % (len(w('get')), w('get'))
    yield resp('HGETALL', 'k'), resp('f', w('hgetall'))
    yield b'AUTH ' + w('inline') + b'\r\n', b'-WRONGPASS ' + w('wrongpass') + b'\r\n'


def memcached():
    def binary(op, key=b'', value=b'', extras=b'', status=None):
        total = len(extras) + len(key) + len(value)
        return struct.pack('>BBHBBHIIQ', 0x80 if status is None else 0x81, op, len(key),
                           len(extras), 0, status or 0, total, 0, 0) + extras + key + value
    yield binary(0x20), binary(0x20, value=b'PLAIN', status=0)
    yield binary(0x21, b'PLAIN', b'\0joe\0' + w('sasl')), binary(0x21, value=b'Authenticated',
                                                                 status=0)
    yield binary(1, b'k', w('mc-set'), b'\0' * 8), binary(1, status=0)
    yield binary(0, b'k'), binary(0, value=w('mc-get'), extras=b'\0' * 4, status=0)


def memcached_text():
    def store(verb, value):
        return b'%s %d\r\n%s\r\n' % (verb, len(value), value)
    yield store(b'set login 0 0', b'joe ' + w('login')), b'STORED\r\n'
    yield store(b'set k 0 0', w('mt-set')), b'STORED\r\n'
    yield b'get k\r\n', store(b'VALUE k 0', w('mt-get')) + b'END\r\n'
    yield store(b'ms k', w('mt-meta')).replace(b'\r\n', b' T0\r\n', 1), b'HD\r\n'
    yield b'incr k 1\r\n', b'CLIENT_ERROR ' + w('mt-error') + b'\r\n'


# ---- MongoDB

def bson(d):
    out = b''
    for k, v in d.items():
        name = k.encode() + b'\0'
        if isinstance(v, dict):
            out += b'\3' + name + bson(v)
        elif isinstance(v, list):
            out += b'\4' + name + bson({str(i): x for i, x in enumerate(v)})
        elif isinstance(v, bytes):
            out += b'\5' + name + struct.pack('<IB', len(v), 0) + v
        elif isinstance(v, str):
            out += b'\2' + name + struct.pack('<I', len(v.encode()) + 1) + v.encode() + b'\0'
        elif isinstance(v, float):
            out += b'\1' + name + struct.pack('<d', v)
        else:
            out += b'\x10' + name + struct.pack('<i', v)
    return struct.pack('<I', len(out) + 5) + out + b'\0'


def mongodb():
    def op(number, body, to=0):
        return struct.pack('<IIII', 16 + len(body), number, to, 2013) + body

    def msg(number, to=0, sequence=b'', **d):
        return op(number, b'\0\0\0\0\0' + bson(d) + sequence, to)
    asks = [({'saslStart': 1, 'mechanism': 'PLAIN', 'payload': b'\0joe\0' + w('mo-sasl')}, {}),
            ({'hello': 1, 'speculativeAuthenticate': {'payload': w('mo-hello')}},
             {'speculativeAuthenticate': {'payload': w('mo-hello-answer')}}),
            ({'createUser': 'joe', 'pwd': word('mo-pwd'), 'roles': []}, {}),
            ({'find': 'orders', 'filter': {'v': word('mo-filter')}, 'comment': word('mo-comment')},
             {'cursor': {'id': 0, 'ns': 'shop.orders', 'firstBatch': [{'v': word('mo-batch')}]}}),
            ({'insert': 'orders', 'documents': [{'v': word('mo-document')}]}, {'n': 1}),
            ({'aggregate': 'orders', 'pipeline': [{'$match': {'v': word('mo-match')}}],
              'cursor': {}}, {'cursor': {'id': 0, 'ns': 'shop.orders', 'firstBatch': []}}),
            ({'update': 'orders', 'updates': [{'q': {'v': word('mo-q')}, 'u': {
                'v': word('mo-u')}}]}, {'n': 1}),
            ({'distinct': 'orders', 'key': 'v'}, {'values': [word('mo-values')]})]
    for n, (ask, reply) in enumerate(asks):
        yield msg(n, **ask, **{'$db': 'shop'}), msg(99 + n, n, **reply, ok=1.0)
    batch = b'documents\0' + bson({'v': word('mo-sequence')})
    yield msg(50, sequence=b'\1' + struct.pack('<I', len(batch) + 4) + batch, insert='orders',
              **{'$db': 'shop'}), \
        msg(150, 50, ok=0.0, code=11000, codeName='DuplicateKey', errmsg=word('mo-errmsg'),
            keyValue={'v': word('mo-key-value')})


# ---- Kafka

def string(text):
    data = text if isinstance(text, bytes) else text.encode()
    return struct.pack('>h', len(data)) + data


def size(data):
    return struct.pack('>I', len(data)) + data


def batch(*records):
    rows = b''
    for i, (key, value, name, header) in enumerate(records):
        row = b'\0\0' + bytes((i * 2,))
        for data in (key, value):
            row += bytes((len(data) * 2,)) + data
        row += bytes((2, len(name) * 2)) + name + bytes((len(header) * 2,)) + header
        rows += struct.pack('B', len(row) * 2) + row
    tail = struct.pack('>hiqqqhii', 0, len(records) - 1, 0, 0, -1, -1, -1, len(records)) + rows
    return struct.pack('>qiibI', 0, len(tail) + 9, 0, 2, 0) + tail


def kafka():
    def ask(api, version, number, body):
        return size(struct.pack('>hhi', api, version, number) + string('console') + body)

    def told(number, body):
        return size(struct.pack('>i', number) + body)
    plain = b'\0joe\0' + w('ka-plain')
    yield ask(17, 1, 1, string('PLAIN')), told(1, struct.pack('>hi', 0, 1) + string('PLAIN'))
    yield ask(36, 0, 2, size(plain)), told(2, struct.pack('>h', 58) + string(w('ka-sasl-error')) +
                                           size(w('ka-sasl-answer')))
    rows = batch((w('ka-key')[:60], w('ka-value')[:60], b'h', w('ka-header')[:60]))
    yield ask(0, 3, 3, struct.pack('>hhii', -1, -1, 1000, 1) + string('orders') +
              struct.pack('>ii', 1, 0) + size(rows)), \
        told(3, struct.pack('>i', 1) + string('orders') + struct.pack('>iihqq', 1, 0, 0, 0, -1) +
             struct.pack('>i', 0))
    got = batch((w('ka-got-key'), w('ka-got')[:60], b'h', w('ka-got-header')[:60]))
    yield ask(1, 4, 4, struct.pack('>iiiibi', -1, 500, 1, 1 << 20, 0, 1) + string('orders') +
              struct.pack('>iiqi', 1, 0, 0, 1 << 20)), \
        told(4, struct.pack('>ii', 0, 1) + string('orders') +
             struct.pack('>iihqqi', 1, 0, 0, 1, 1, 0) + size(got))
    yield ask(19, 1, 5, struct.pack('>i', 1) + string('new') + struct.pack('>ihii', 1, 1, 0, 1) +
              string('k') + string(w('ka-config')) + struct.pack('>ib', 1000, 0)), \
        told(5, struct.pack('>i', 1) + string('new') + struct.pack('>h', 40) +
             string(w('ka-error')))
    yield ask(14, 0, 6, string('group') + struct.pack('>i', 1) + string('member') +
              struct.pack('>i', 1) + string('member') + size(w('ka-assignment'))), \
        told(6, struct.pack('>h', 0) + size(w('ka-assigned')))


# ---- brokers

def amqp():
    def frame(kind, channel, body):
        return struct.pack('>BHI', kind, channel, len(body)) + body + b'\xce'

    def method(channel, a, b, body):
        return frame(1, channel, struct.pack('>HH', a, b) + body)

    def short(text):
        return bytes((len(text),)) + text

    def content(text, name):
        table = short(b'token') + b'S' + size(w(name))
        return frame(2, 1, struct.pack('>HHQH', 60, 0, len(text), 0x2000) + size(table)) + \
            frame(3, 1, text)
    yield b'AMQP\0\0\x09\1', method(0, 10, 10, b'\0\x09' + size(b'') + size(b'PLAIN') +
                                    size(b'en_US'))
    yield method(0, 10, 11, size(b'') + short(b'PLAIN') + size(b'\0joe\0' + w('am-plain')) +
                 short(b'en_US')), method(0, 10, 30, struct.pack('>HIH', 9, 131072, 60))
    yield method(0, 10, 31, struct.pack('>HIH', 9, 131072, 60)) + \
        method(0, 10, 40, short(b'/') + b'\0\0'), method(0, 10, 41, b'\0')
    yield method(1, 20, 10, b'\0'), method(1, 20, 11, b'\0\0\0\0')
    yield method(1, 60, 40, b'\0\0' + short(b'shop') + short(b'new') + b'\0') + \
        content(w('am-body'), 'am-header'), b''
    yield method(1, 60, 70, b'\0\0' + short(b'orders') + b'\0'), \
        method(1, 60, 71, struct.pack('>QB', 1, 0) + short(b'shop') + short(b'new') + b'\0\0\0\0') \
        + content(w('am-got'), 'am-got-header')
    yield method(1, 50, 20, b'\0\0' + short(b'none') + short(b'shop') + short(b'k') + b'\0' +
                 size(short(b'token') + b'S' + size(w('am-argument')))), \
        method(1, 20, 40, struct.pack('>H', 404) + short(b'NOT_FOUND ' + w('am-reply')) +
               struct.pack('>HH', 50, 20))


def mqtt():
    def packet(kind, body):
        return bytes((kind, len(body))) + body
    yield packet(0x10, string('MQTT') + b'\4\xc6\0\x3c' + string('me') + string('w/t') +
                 string(w('mq-will')) + string('joe') + string(w('mq-password'))), \
        packet(0x20, b'\0\0')
    yield packet(0x32, string('orders/new') + b'\0\1' + w('mq-payload')), packet(0x40, b'\0\1')
    yield packet(0x82, b'\0\2' + string('orders/+') + b'\1'), packet(0x90, b'\0\2\1')
    yield packet(0xc0, b''), packet(0xd0, b'') + \
        packet(0x32, string('orders/1') + b'\0\7' + w('mq-delivered'))
    yield packet(0x40, b'\0\7'), b''


def mqtt5():
    def packet(kind, *parts):
        body = b''.join(parts)
        return bytes((kind, len(body) & 127 | 128, len(body) >> 7)) + body

    def props(*parts):
        data = b''.join(parts)
        return bytes((len(data),)) + data

    def user(place):
        return b'\x26' + string('token') + string(w(place))

    def reason(place):
        return b'\x1f' + string(w(place))
    auth = b'\x15' + string('PLAIN') + b'\x16' + string(w('m5-auth'))
    yield packet(0x10, string('MQTT'), b'\5\xc6\0\x3c', props(auth, user('m5-user')), string('me'),
                 props(user('m5-will-user')), string('w/t'), string(w('m5-will')), string('joe'),
                 string(w('m5-password'))), \
        packet(0x20, b'\0\0', props(b'\x16', string(w('m5-auth-answer'))))
    yield packet(0x32, string('orders/new'), b'\0\1',
                 props(user('m5-message-user'), b'\x09', string(w('m5-correlation'))),
                 w('m5-payload')), packet(0x40, b'\0\1\x87', props(reason('m5-refused')))


def nats():
    yield b'', b'INFO {"server_id":"N","version":"2.10","nonce":"n","auth_required":true}\r\n'
    connect = {'verbose': True, 'user': 'joe', 'pass': word('na-pass'),
               'auth_token': word('na-token'), 'jwt': word('na-jwt'), 'sig': word('na-sig'),
               'nkey': word('na-nkey'), 'lang': 'c', 'name': 'me'}
    yield b'CONNECT %s\r\n' % json.dumps(connect).encode(), b'+OK\r\n'
    yield b'PUB orders.new %d\r\n%s\r\n' % (len(w('na-pub')), w('na-pub')), b'+OK\r\n'
    fields = b'NATS/1.0\r\nToken: %s\r\n\r\n' % w('na-header')
    text = w('na-hpub')
    yield b'HPUB orders.new %d %d\r\n%s%s\r\n' % (len(fields), len(fields) + len(text), fields,
                                                  text), b'+OK\r\n'
    yield b'SUB orders.* 1\r\n', b'+OK\r\nMSG orders.1 1 %d\r\n%s\r\n' % (len(w('na-msg')),
                                                                         w('na-msg'))
    yield b'PUB bad 2\r\nok\r\n', b"-ERR 'Permissions Violation for Publish to \"bad\"'\r\n"


def fastcgi():
    def record(kind, body):
        return struct.pack('>BBHHBB', 1, kind, 1, len(body), 0, 0) + body

    def param(name, value):
        return bytes((len(name), len(value))) + name + value
    params = b''.join(param(a.encode(), b) for a, b in {
        'REQUEST_METHOD': b'POST', 'SCRIPT_NAME': b'/a.php', 'SCRIPT_FILENAME': b'/s/a.php',
        'REQUEST_URI': b'/a.php?token=' + w('fc-uri'), 'QUERY_STRING': b'token=' + w('fc-query'),
        'HTTP_COOKIE': b'sid=' + w('fc-cookie'), 'HTTP_AUTHORIZATION': b'Bearer ' + w('fc-bearer'),
        'PHP_AUTH_PW': w('fc-password'), 'DB_PASSWORD': w('fc-environment'),
        'HTTP_REFERER': b'http://b.test/?code=' + w('fc-referer')}.items())
    yield record(1, b'\0\1\0\0\0\0\0\0') + record(4, params) + record(4, b'') + \
        record(5, b'password=' + w('fc-stdin')) + record(5, b''), \
        record(6, b'Status: 500 No\r\nSet-Cookie: sid=%s\r\n\r\n%s' % (w('fc-set'),
                                                                     w('fc-stdout'))) + \
        record(7, w('fc-stderr')) + record(3, b'\0' * 8)


# name: its conversation, port, and the operations that its spans are to have
TALKS = {
    'http': (http, 80, ['GET', 'POST', 'GET']),
    'named': (named, 81, ['POST'] * 7),
    'postgresql': (postgresql, 5432, ['CONNECT', 'INSERT', 'CREATE', 'COPY', 'DO']),
    'mysql': (mysql, 3306, ['CONNECT', 'INSERT', 'LOAD', 'PREPARE', 'SET']),
    'redis': (redis, 6379, ['AUTH', 'HELLO', 'CONFIG SET', 'MSET', 'GET', 'NOSUCH']),
    'memcached': (memcached, 11211, ['set', 'get']),
    'memcached text': (memcached_text, 11212, ['set', 'get', 'ms', 'incr']),
    'mongodb': (mongodb, 27017, ['find', 'insert', 'saslStart', 'createUser']),
    'kafka': (kafka, 9092, ['SaslAuthenticate', 'Produce', 'Fetch', 'CreateTopics']),
    'amqp': (amqp, 5672, ['publish']),
    'mqtt': (mqtt, 1883, ['CONNECT', 'publish']),
    'mqtt 5': (mqtt5, 1884, ['CONNECT', 'publish']),
    'nats': (nats, 4222, ['CONNECT', 'publish']),
    'fastcgi': (fastcgi, 9000, ['POST']),
}
