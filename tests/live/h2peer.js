// An HTTP/2 server or client of Node that tells what it knows, one JSON object per line.
//
// usage: node h2peer.js server PORT | node h2peer.js client PORT REQUESTS PARALLEL PAUSE_MS SEED
// With TLS where the environment has CERT and KEY, or CA; with WAIT, a client waits for a line.
'use strict';
const fs = require('fs');
const http2 = require('http2');
const [,, role, port, total, parallel, pause, seed] = process.argv;

function tell(what) {
  process.stdout.write(JSON.stringify(what) + '\n');
}

// /size/N?id=…: N bytes; /echo: what was sent; /status/N; /trail: trailers; /push; /reset; /slow/MS
function serve() {
  const {CERT, KEY} = process.env;
  const server = CERT ?
    http2.createSecureServer({cert: fs.readFileSync(CERT), key: fs.readFileSync(KEY)}) :
    http2.createServer();
  server.on('stream', (stream, headers) => {
    const path = headers[':path'].split('?')[0];
    const [, verb, arg] = path.split('/');
    let got = 0;
    stream.on('error', () => {});
    if (verb === 'echo') {
      stream.respond({':status': 200, 'content-type': 'text/plain'});
      stream.pipe(stream);
      return;
    }
    stream.on('data', (d) => { got += d.length; });
    stream.on('end', () => {
      if (verb === 'size') {
        stream.additionalHeaders({':status': 103, 'link': '</x>'});
        stream.respond({':status': 200, 'x-got': String(got), 'x-filler': arg});
        stream.end(Buffer.alloc(Number(arg), 'n'));
      } else if (verb === 'status') {
        stream.respond({':status': Number(arg)}, {endStream: true});
      } else if (verb === 'trail') {
        stream.respond({':status': 200}, {waitForTrailers: true});
        stream.on('wantTrailers', () => stream.sendTrailers({'x-sum': '7'}));
        stream.end('trailing');
      } else if (verb === 'slow') {
        setTimeout(() => { stream.respond({':status': 200}); stream.end('slow'); }, Number(arg));
      } else if (verb === 'reset') {
        stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
      } else {
        stream.respond({':status': 404}, {endStream: true});
      }
    });
  });
  server.listen(Number(port), '127.0.0.1', () => tell({listening: 1}));
}

let local = 0;
let state = Number(seed) || 1;
function random(n) {
  state = (state * 1103515245 + 12345) % 2147483648;
  return state % n;
}

function plan(i) {
  const q = `?id=${seed}-${i}`;
  switch (i % 8) {
    case 0: return {method: 'POST', path: '/echo' + q, body: random(60000), status: 200};
    case 1: return {method: 'GET', path: '/status/' + [204, 404, 418, 503][random(4)] + q, body: 0};
    case 2: return {method: 'GET', path: '/trail' + q, body: 0, status: 200, received: 8};
    case 3:
      return {method: 'PUT', path: '/size/10' + q, body: random(3000), status: 200, received: 10};
    case 4: return {method: 'GET', path: '/reset' + q, body: 0, reset: 2};
    default: {
      const n = [0, 1, 300, 17000, 100000][random(5)];
      return {method: 'GET', path: `/size/${n}${q}`, body: 0, status: 200, received: n};
    }
  }
}

function request(client, i, done) {
  const p = plan(i);
  const stream = client.request({':method': p.method, ':path': p.path, 'x-n': String(i)},
                                {endStream: !p.body});
  const know = {id: `${seed}-${i}`, method: p.method, path: p.path.split('?')[0], sent: p.body,
    received: 0};
  stream.on('response', (h) => { know.status = h[':status']; });
  stream.on('data', (d) => { know.received += d.length; });
  stream.on('error', () => {});
  stream.on('close', () => {
    know.stream = stream.id;
    know.port = local;
    know.code = stream.rstCode;
    tell(know);
    done();
  });
  if (p.body) stream.end(Buffer.alloc(p.body, 'b'));
}

function load() {
  const {CA} = process.env;
  const client = CA ?
    http2.connect(`https://localhost:${port}`, {ca: fs.readFileSync(CA), family: 4}) :
    http2.connect(`http://127.0.0.1:${port}`);
  let next = 0, open = 0;
  client.on('connect', () => { local = client.socket.localPort; });
  client.on('error', (e) => { tell({error: String(e)}); process.exit(1); });
  function go() {
    while (open < Number(parallel) && next < Number(total)) {
      open++;
      request(client, next++, () => { open--; setTimeout(go, Number(pause)); });
    }
    if (next >= Number(total) && !open) client.close();
  }
  go();
}

if (process.env.WAIT && role === 'client') {
  process.stdin.once('data', () => { process.stdin.destroy(); load(); });
} else {
  (role === 'server' ? serve : load)();
}
