// The ends of a chain of HTTP/2 proxies, with Node.
//
// usage: node h2chain.js server PORT
//        node h2chain.js client PORT REQUESTS PARALLEL PREFIX FIELDS
//
// The client spreads its requests over at most four connections, each with its id in the query, and
// prints what failed, one line each. FIELDS: a JSON object of fields; {} in a value becomes the
// request's number, {:032x} its number as 32 hexadecimal digits.
'use strict';
const http2 = require('http2');
const [,, role, port, total, parallel, prefix, fields] = process.argv;

function serve() {
  const server = http2.createServer();
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.respond({':status': 200});
    stream.end(headers[':path']);
  });
  server.listen(Number(port), '127.0.0.1');
}

function head(i) {
  const h = {':path': `/x?id=${prefix}${i}`, 'user-agent': 'load'};
  const hex = i.toString(16).padStart(32, '0');
  for (const [name, value] of Object.entries(JSON.parse(fields || '{}'))) {
    h[name] = value.replace('{:032x}', hex).replace('{}', String(i));
  }
  return h;
}

function ask(session, i) {
  return new Promise((resolve) => {
    const stream = session.request(head(i));
    let status, body = '';
    const done = (why) => {
      if (why || status !== 200 || body !== `/x?id=${prefix}${i}`) {
        console.log(`${i}: ${why || status} ${body}`);
      }
      resolve();
    };
    stream.on('response', (h) => { status = h[':status']; });
    stream.on('data', (d) => { body += d; });
    stream.on('end', () => done());
    stream.on('error', (e) => done(e.message));
  });
}

async function load() {
  const sessions = [];
  for (let i = 0; i < Math.min(4, Number(parallel)); i++) {
    sessions.push(http2.connect(`http://127.0.0.1:${port}`));
  }
  let next = 0;
  const one = async (session) => {
    while (next < Number(total)) {
      await ask(session, next++);
    }
  };
  await Promise.all(Array.from({length: Number(parallel)},
                               (_, i) => one(sessions[i % sessions.length])));
  sessions.forEach((s) => s.close());
}

if (role === 'server') {
  serve();
} else {
  load();
}
