// SPDX-License-Identifier: Apache-2.0
/*
 * upstream_h2.js - an upstream that speaks HTTP/2 and nothing else, over TLS, and does what the path says
 *
 * upstream_h2.js FOLDER: its port is in FOLDER/h2, its certificate is FOLDER/cert.pem with key.pem. Each request is a
 * line of FOLDER/h2seen: the number of its session, its stream, method and path. FOLDER/go as upstream.py has it.
 */
'use strict';
const http2 = require('http2'), fs = require('fs'), crypto = require('crypto');
const folder = process.argv[2];
const server = http2.createSecureServer({ key: fs.readFileSync(`${folder}/key.pem`), cert: fs.readFileSync(`${folder}/cert.pem`), allowHTTP1: false });
const { NGHTTP2_INTERNAL_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_NO_ERROR, NGHTTP2_ENHANCE_YOUR_CALM } = http2.constants;
let sessions = 0, held = [], mixed = [];

function big(stream, left) {
	const block = Buffer.alloc(65536, 'x');
	(function more() {
		while (left > 0) {
			const n = Math.min(left, block.length);
			left -= n;
			if (!stream.write(block.subarray(0, n)))
				return stream.once('drain', more);
		}
		stream.end();
	})();
}

function sum(stream, done) {
	const hash = crypto.createHash('sha256');
	let n = 0;
	stream.on('data', (piece) => { n += piece.length; hash.update(piece); });
	stream.on('end', () => done(`${n} ${hash.digest('hex')}`));
}

const does = {
	'/echo': (stream, headers) => {
		const kept = [];
		const list = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('');
		stream.on('data', (piece) => kept.push(piece));
		stream.on('end', () => { stream.respond({ ':status': 200, 'x-a': ['1', '2'], 'set-cookie': ['a=1', 'b=2'] }); stream.end(list + Buffer.concat(kept)); });
	},
	'/sum': (stream) => sum(stream, (text) => { stream.respond({ ':status': 200, 'content-length': text.length }); stream.end(text); }),
	'/big': (stream, headers, query) => { stream.respond({ ':status': 200, 'content-length': query }); big(stream, Number(query)); },
	'/unknown': (stream, headers, query) => { stream.respond({ ':status': 200 }); big(stream, Number(query)); },
	'/sse': (stream) => {
		stream.respond({ ':status': 200, 'content-type': 'text/event-stream' });
		let i = 0;
		(function next() {
			stream.write(`data: ${i}\n\n`);
			if (++i === 3)
				return stream.end();
			fs.readFile(`${folder}/go`, () => next());
		})();
	},
	'/trailers': (stream) => {
		stream.respond({ ':status': 200 }, { waitForTrailers: true });
		stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': '42', 'x-two': 'a' }));
		stream.end('abc');
	},
	'/their-trailers': (stream) => {
		let got = '';
		stream.on('trailers', (trailers) => { got = JSON.stringify(trailers); });
		sum(stream, (text) => { stream.respond({ ':status': 200 }); stream.end(`${text} ${got}`); });
	},
	'/hints': (stream) => { stream.additionalHeaders({ ':status': 103, link: '</s>' }); stream.respond({ ':status': 200 }); stream.end('hinted'); },
	'/204': (stream) => { stream.respond({ ':status': 204, 'x-a': '1' }); stream.end(); },
	'/early': (stream) => { stream.respond({ ':status': 413 }); stream.end('too big'); stream.close(NGHTTP2_NO_ERROR); },
	// the stream is reset: before a word, in the body, and as one that was never begun
	'/rst': (stream) => stream.close(NGHTTP2_INTERNAL_ERROR),
	'/rst-refused': (stream) => stream.close(NGHTTP2_REFUSED_STREAM),
	'/rst-calm': (stream) => stream.close(NGHTTP2_ENHANCE_YOUR_CALM),
	'/rst-body': (stream) => { stream.respond({ ':status': 200, 'content-length': 100 }); stream.write('0123456789', () => stream.destroy(new Error('it is cut'))); },
	'/rst-unknown': (stream) => { stream.respond({ ':status': 200 }); stream.write('0123456789', () => stream.destroy(new Error('it is cut'))); },
	'/short': (stream) => { stream.respond({ ':status': 200, 'content-length': 100 }); stream.end('0123456789'); },
	// the connection ends: at once, in the body, or in peace
	'/dead': (stream) => stream.session.destroy(),
	'/dead-body': (stream) => { stream.respond({ ':status': 200 }); stream.write('0123456789', () => stream.session.destroy()); },
	'/goaway': (stream) => { stream.respond({ ':status': 200 }); stream.session.goaway(NGHTTP2_NO_ERROR); stream.end('and good bye'); },
	'/goaway-big': (stream, headers, query) => { stream.respond({ ':status': 200 }); stream.session.goaway(NGHTTP2_NO_ERROR, stream.id); big(stream, Number(query)); },
	'/goaway-error': (stream) => { stream.session.goaway(NGHTTP2_INTERNAL_ERROR, 0); stream.session.destroy(); },
	// nobody is answered before so many are there
	'/together': (stream, headers, query) => {
		held.push(stream);
		if (held.length < Number(query))
			return;
		for (const one of held) { one.respond({ ':status': 200 }); one.end(String(held.length)); }
		held = [];
	},
	// the same, but the last is answered first, each with its own word and what it showed, a piece of each in turn
	'/mixed': (stream, headers, query) => {
		const [n, mine] = query.split('&');
		mixed.push([stream, mine, `${mine} ${headers['x-mine']} ${headers.authorization}\n`.repeat(100)]);
		if (mixed.length < Number(n))
			return;
		mixed.reverse();
		for (const [one, word] of mixed) one.respond({ ':status': 200, 'x-word': word });
		for (let i = 0; i < 20; i++)
			for (const [one, , piece] of mixed) one.write(piece);
		for (const [one] of mixed) one.end();
		mixed = [];
	},
	'/redirect': (stream, headers, query) => { stream.respond({ ':status': 302, location: query }); stream.end('moved'); },
};

server.on('session', (session) => { session.number = ++sessions; session.on('error', () => {}); });
server.on('sessionError', () => {});
server.on('stream', (stream, headers) => {
	const [path, query] = headers[':path'].split('?');
	stream.on('error', () => {});
	fs.appendFileSync(`${folder}/h2seen`, `${stream.session.number} ${stream.id} ${headers[':method']} ${headers[':path']}\n`);
	if (headers[':method'] === 'HEAD') { stream.respond({ ':status': 200, 'content-length': 1234, 'x-a': '1' }); return stream.end(); }
	if (path in does)
		return does[path](stream, headers, query);
	stream.respond({ ':status': 200 });
	stream.end(path);
});
server.listen(0, '127.0.0.1', () => {
	fs.writeFileSync(`${folder}/h2.new`, `${server.address().port}\n`);
	fs.renameSync(`${folder}/h2.new`, `${folder}/h2`);
});
