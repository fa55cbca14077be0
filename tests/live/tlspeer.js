// An HTTPS server or client of Node that tells what it knows, one JSON object per line.
//
// usage: node tlspeer.js server CERT KEY | node tlspeer.js client CA PORT CONNECTIONS REQUESTS
//      | node tlspeer.js proxy CERT KEY CA PORT
'use strict';
const fs = require('fs');
const https = require('https');
const [,, role, ...args] = process.argv;

function tell(what) {
  fs.writeSync(1, JSON.stringify(what) + '\n');
}

// /size/N: N octets; /chunked/N; /status/N; anything with content: its length; /wait/MS
function serve(cert, key) {
  const files = {cert: fs.readFileSync(cert), key: fs.readFileSync(key)};
  const server = https.createServer(files, (q, r) => {
    const [, verb, arg] = q.url.split('?')[0].split('/');
    const n = parseInt(arg || '0');
    let got = 0;
    q.on('data', (d) => { got += d.length; });
    q.on('end', () => {
      tell({method: q.method, target: q.url, port: q.socket.remotePort});
      if (verb === 'chunked') {
        for (let left = n; left > 0; left -= 1000) r.write(Buffer.alloc(Math.min(left, 1000), 'n'));
        r.end();
      } else if (verb === 'status') {
        r.writeHead(n);
        r.end();
      } else if (verb === 'wait') {
        setTimeout(() => r.end('waited'), n);
      } else if (q.method === 'POST' || q.method === 'PUT') {
        r.end(got + '\n');
      } else {
        r.writeHead(200, {'Content-Length': n});
        r.end(q.method === 'HEAD' ? '' : Buffer.alloc(n, 'n'));
      }
    });
  });
  server.keepAliveTimeout = 30000;
  server.listen(0, '127.0.0.1', () => tell({port: server.address().port}));
}

// Forwards each request over one of a few connections; tells the ports of both of its sides.
function proxy(cert, key, ca, port) {
  const agent = new https.Agent({keepAlive: true, maxSockets: 12, ca: fs.readFileSync(ca)});
  const options = {cert: fs.readFileSync(cert), key: fs.readFileSync(key)};
  const server = https.createServer(options, (q, r) => {
    const {method, url: path, headers} = q;
    const to = {agent, host: 'localhost', port, family: 4, method, path, headers};
    const up = https.request(to, (answer) => {
      tell({target: path, port: q.socket.remotePort, up: up.socket.localPort});
      r.writeHead(answer.statusCode, answer.headers);
      answer.pipe(r);
    });
    up.on('error', () => { r.writeHead(502); r.end(); });
    q.pipe(up);
  });
  server.keepAliveTimeout = 30000;
  server.listen(0, '127.0.0.1', () => tell({port: server.address().port}));
}

function plan(i, k) {
  const x = (i * 31 + k * 17) % 10;
  if (x < 2) return ['POST', '/echo/0', [1, 40000][x]];
  if (x < 3) return ['GET', '/status/404', 0];
  if (x < 5) return ['GET', `/wait/${x}`, 0];
  return ['GET', `/size/${[0, 1, 300, 16000, 70000][x - 5]}`, 0];
}

function connection(ca, port, i, requests) {
  const agent = new https.Agent({keepAlive: true, maxSockets: 1, ca});
  function next(k) {
    if (k === requests) {
      agent.destroy();
      return;
    }
    const [method, path, n] = plan(i, k), id = `n${i}-${k}`;
    const headers = n ? {'Content-Length': n} : {};
    const to = {agent, host: 'localhost', port, family: 4, method, headers,
      path: `${path}?id=${id}`};
    const q = https.request(to, (r) => {
      let received = 0;
      const local = r.socket.localPort;
      r.on('data', (d) => { received += d.length; });
      r.on('end', () => {
        tell({id, method, path, status: r.statusCode, sent: n, received, port: local});
        next(k + 1);
      });
    });
    q.on('error', (e) => { tell({error: String(e)}); process.exit(1); });
    q.end(Buffer.alloc(n, 'b'));
  }
  next(0);
}

function load(ca, port, connections, requests) {
  process.stdin.once('data', () => {
    process.stdin.destroy();
    for (let i = 0; i < Number(connections); i++) {
      connection(fs.readFileSync(ca), port, i, Number(requests));
    }
  });
}

({server: serve, client: load, proxy})[role](...args);
