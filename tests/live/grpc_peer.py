#!/usr/bin/env python3
"""A server and a client of Python's grpcio: grpc_peer.py server PORT | client PORT CALLS

With TLS where the environment has CERT and KEY, or CA. With WAIT, a client waits for a line first.
"""
import json
import os
import sys
import time
from concurrent import futures

import grpc

SERVICE = '/zc.test.Echo/'


def content(name):
    with open(os.environ[name], 'rb') as f:
        return f.read()


# ---- server

def say(data, ctx):
    if data.startswith(b'fail'):
        ctx.abort(grpc.StatusCode.NOT_FOUND, 'no such thing, 100% sure')
    if data.startswith(b'wait'):
        time.sleep(1)
    return data


def up(it, _):
    return b'%d' % sum(1 for _ in it)


def down(data, _):
    for _ in range(7):
        yield data


def both(it, _):
    for m in it:
        yield m
        yield m


def serve(port):
    raw = dict(request_deserializer=None, response_serializer=None)
    handlers = grpc.method_handlers_generic_handler('zc.test.Echo', {
        'Say': grpc.unary_unary_rpc_method_handler(say, **raw),
        'Up': grpc.stream_unary_rpc_method_handler(up, **raw),
        'Down': grpc.unary_stream_rpc_method_handler(down, **raw),
        'Both': grpc.stream_stream_rpc_method_handler(both, **raw)})
    server = grpc.server(futures.ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers((handlers,))
    if 'CERT' in os.environ:
        server.add_secure_port('127.0.0.1:' + port,
                               grpc.ssl_server_credentials([(content('KEY'), content('CERT'))]))
    else:
        server.add_insecure_port('127.0.0.1:' + port)
    server.start()
    server.wait_for_termination()


# ---- client

def tell(method, i, sent, received, begun, code=0, message='', timeout=0):
    print(json.dumps(dict(method=method, id=str(i), code=code, message=message, sent=sent,
                          received=received,
                          timeout_ms=timeout, cancelled=False,
                          duration_ns=time.monotonic_ns() - begun)), flush=True)


def one(channel, i):
    body, begun, kind = b'x' * (i * 97 % 5000), time.monotonic_ns(), i % 7
    if kind == 0:
        channel.unary_unary(SERVICE + 'Say')(body)
        tell('Say', i, 1, 1, begun)
    elif kind == 1:
        channel.stream_unary(SERVICE + 'Up')(iter([body] * 5))
        tell('Up', i, 5, 1, begun)
    elif kind == 2:
        tell('Down', i, 1, len(list(channel.unary_stream(SERVICE + 'Down')(body))), begun)
    elif kind == 3:
        tell('Both', i, 4, len(list(channel.stream_stream(SERVICE + 'Both')(iter([body] * 4)))),
             begun)
    else:
        fail, timeout = [(b'fail', None), (b'wait', 0.05), (b'ok', 30)][kind - 4]
        code, message = 0, ''
        try:
            channel.unary_unary(SERVICE + 'Say')(fail, timeout=timeout)
        except grpc.RpcError as e:
            code, message = e.code().value[0], e.details()
        tell('Say', i, 1, int(not code), begun, code, message, int(1000 * (timeout or 0)))


def load(port, calls):
    if 'WAIT' in os.environ:
        sys.stdin.readline()
    if 'CA' in os.environ:
        channel = grpc.secure_channel('localhost:' + port,
                                      grpc.ssl_channel_credentials(content('CA')))
    else:
        channel = grpc.insecure_channel('127.0.0.1:' + port)
    for i in range(int(calls)):
        one(channel, i)


if __name__ == '__main__':
    {'server': serve, 'client': load}[sys.argv[1]](*sys.argv[2:])
