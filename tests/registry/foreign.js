#!/usr/bin/node
// SPDX-License-Identifier: Apache-2.0
// Another gRPC that is not ours (@grpc/grpc-js), against user/grpc: as its client, and as its server.
//
// foreign.js client DIR PORT CASE...     each line "ok CASE" or "not ok CASE: why"
// foreign.js refused DIR PORT CERT       connects as CERT: "refused CODE" or "taken"
// foreign.js idle DIR PORT SECONDS       keeps a connection without a call; then makes one
// foreign.js leaving DIR PORT            a call that is open while the server leaves, on a line of stdin
// foreign.js serve DIR CERT              prints "port N"; ends with its stdin
// DIR has the certificates. foreign.py is the same by grpcio; foreign.bash has the cases of both.
'use strict';
const assert = require('assert');
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [, , verb, where, ...args] = process.argv;
const code = grpc.status;
const SIZES = { 'grpc.max_receive_message_length': 8 << 20, 'grpc.max_send_message_length': 8 << 20 };
const KEEPALIVE = { 'grpc.keepalive_time_ms': 10000, 'grpc.keepalive_timeout_ms': 5000, 'grpc.keepalive_permit_without_calls': 1 };
const GZIP = 2;
const read = (name) => fs.readFileSync(path.join(where, name));
const same = (x) => x;
const say = (...words) => fs.writeSync(1, words.join(' ') + '\n');
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const within = (ms) => ({ deadline: Date.now() + ms });

const proto = path.join(__dirname, '../../user/proto');
const messages = grpc.loadPackageDefinition(loader.loadSync(['agent.proto', 'clawkerd.proto'], {
	includeDirs: [proto], keepCase: true, oneofs: true, defaults: true,
})).clawker;
const Agents = messages.agent.v1.AgentService;
const Sessions = messages.clawkerd.v1.ClawkerdService;

// --- the client -------------------------------------------------------------------------

function options(more) {
	return { 'grpc.ssl_target_name_override': 'clawker-controlplane', 'grpc.use_local_subchannel_pool': 1, ...KEEPALIVE, ...SIZES, ...more };
}

function credentials(cert) {
	return cert ? grpc.credentials.createSsl(read('ca.pem'), read(cert + '.key'), read(cert + '.pem'))
		: grpc.credentials.createSsl(read('ca.pem'));
}

class Peer {
	constructor(port, cert = 'client', more = {}) {
		this.at = `127.0.0.1:${port}`;
		this.client = new grpc.Client(this.at, credentials(cert), options(more));
		this.agents = new Agents(this.at, credentials(cert), options(more));
		this.sessions = new Sessions(this.at, credentials(cert), options(more));
	}
	close() {
		for (const each of [this.client, this.agents, this.sessions])
			each.close();
	}
	// {code, text, bytes}, and the call to cancel it by
	unary(name, bytes, call = within(10000), metadata = new grpc.Metadata()) {
		let made;
		const result = new Promise((done) => {
			made = this.client.makeUnaryRequest(name, same, same, bytes, metadata, call, (error, reply) =>
				done(error ? { code: error.code, text: error.details } : { code: code.OK, text: '', bytes: reply }));
		});
		result.call = made;
		return result;
	}
	stream(name, call = within(20000)) {
		return this.client.makeBidiStreamRequest(name, same, same, new grpc.Metadata(), call);
	}
	register(agent, project) {
		return new Promise((done) => this.agents.Register({ agent_name: agent, project }, within(10000), (error, reply) =>
			done(error ? { code: error.code, text: error.details } : { code: code.OK, reply })));
	}
}

// What a stream says, one after the other: next() is undefined at its end.
function reader(call) {
	const had = [], waiting = [];
	const state = { failed: null };
	const turn = () => {
		while (waiting.length && (had.length || state.over))
			waiting.shift()(had.shift());
	};
	call.on('data', (x) => { had.push(x); turn(); });
	call.on('error', () => {}); // status says it
	state.status = new Promise((done) => call.on('status', (status) => { state.over = true; turn(); done(status); }));
	state.next = () => new Promise((done) => { waiting.push(done); turn(); });
	return state;
}

const cases = {
	async register(peer) {
		assert.deepStrictEqual((await peer.register('a', 'p')).code, code.OK);
	},
	async denied(peer) {
		const { code: is, text } = await peer.register('deny', '');
		assert.deepStrictEqual([is, text], [code.PERMISSION_DENIED, 'not you: 100 % \u00fc']);
	},
	async session(peer) {
		const call = peer.sessions.Session(within(20000)), heard = reader(call);
		for (let i = 0; i < 50; i++) {
			call.write({ command_id: `id${i}`, ...(i % 2 ? { shell: { stages: [{ argv: ['true'] }] } } : { hello: {} }) });
			const reply = await heard.next();
			assert.strictEqual(reply.command_id, `id${i}`);
			assert.strictEqual(reply.payload, i % 2 ? 'started' : 'hello_ack');
		}
		call.end();
		assert.strictEqual(await heard.next(), undefined);
		assert.strictEqual((await heard.status).code, code.OK);
	},
	async big(peer) {
		const blob = require('crypto').randomBytes(4 << 20);
		const reply = await peer.unary('/test.Peer/Echo', blob, within(20000));
		assert(reply.bytes && blob.equals(reply.bytes), `${reply.code} ${reply.text}`);
	},
	async bigger(peer) {
		const { code: is, text } = await peer.unary('/test.Peer/Echo', Buffer.alloc((4 << 20) + 1), within(20000));
		assert(is === code.RESOURCE_EXHAUSTED && text.includes('4194304'), `${is} ${text}`);
	},
	async many(peer) {
		const call = peer.stream('/test.Peer/Echo'), heard = reader(call);
		const blobs = Array.from({ length: 500 }, () => require('crypto').randomBytes(1000));
		blobs.forEach((blob) => call.write(blob));
		call.end();
		for (const blob of blobs)
			assert(blob.equals(await heard.next()));
		assert.strictEqual((await heard.status).code, code.OK);
	},
	// what waits for a client that does not read waits in the server's queue, and then in its own window
	async slow(peer) {
		const call = peer.stream('/test.Peer/Echo'), blob = Buffer.alloc(64 << 10, 'x');
		for (let i = 0; i < 64; i++)
			await new Promise((done) => call.write(blob, done));
		const heard = reader(call);
		call.end();
		for (let i = 0; i < 64; i++)
			assert(blob.equals(await heard.next()));
		assert.strictEqual((await heard.status).code, code.OK);
	},
	async at_once(peer) {
		const replies = await Promise.all(Array.from({ length: 300 }, (_, i) => peer.unary('/test.Peer/Echo', Buffer.from(`${i}`), within(20000))));
		replies.forEach((reply, i) => assert.strictEqual(`${reply.bytes}`, `${i}`, reply.text));
	},
	async deadline(peer) {
		assert.strictEqual((await peer.unary('/test.Peer/Silent', Buffer.from('x'), within(300))).code, code.DEADLINE_EXCEEDED);
	},
	async cancel(peer) {
		const result = peer.unary('/test.Peer/Silent', Buffer.from('x'), {});
		await sleep(200); // it has to be on its way, of which nobody tells us
		result.call.cancel();
		assert.strictEqual((await result).code, code.CANCELLED);
	},
	async early(peer) {
		const call = peer.stream('/clawker.agent.v1.AgentService/Register'), heard = reader(call);
		call.write(Agents.service.Register.requestSerialize({ agent_name: 'a' }));
		assert.strictEqual((await heard.next()).length, 0);
		assert.strictEqual((await heard.status).code, code.OK);
	},
	async nothing(peer) {
		assert.strictEqual((await peer.unary('/test.Peer/None', Buffer.alloc(0))).code, code.UNIMPLEMENTED);
	},
	async metadata(peer) {
		const metadata = new grpc.Metadata();
		metadata.set('authorization', 'Bearer t0k3n');
		assert.strictEqual(`${(await peer.unary('/test.Peer/Echo', Buffer.from('x'), within(10000), metadata)).bytes}`, 'x');
	},
	async long_headers(peer) {
		const metadata = new grpc.Metadata();
		metadata.set('a', 'b'.repeat(20000));
		const { code: is, text } = await peer.unary('/test.Peer/Echo', Buffer.from('x'), within(10000), metadata);
		assert.strictEqual(is, code.RESOURCE_EXHAUSTED, text);
	},
	async compressed(peer, port) {
		const gzip = new Peer(port, 'client', { 'grpc.default_compression_algorithm': GZIP });
		const { code: is, text } = await gzip.unary('/test.Peer/Echo', Buffer.alloc(10000, 'x'));
		gzip.close();
		assert.strictEqual(is, code.UNIMPLEMENTED, text);
	},
	async garbage(peer) {
		const { code: is } = await peer.unary('/clawker.agent.v1.AgentService/Register', Buffer.from([255, 255, 255]));
		assert.strictEqual(is, code.INVALID_ARGUMENT);
	},
};

async function client(port, ...names) {
	const peer = new Peer(port);
	for (const name of names) {
		try {
			await cases[name](peer, port);
			say('ok', name);
		} catch (e) { // what went wrong is what is told
			say('not ok', `${name}: ${e.message.split('\n').slice(0, 6).join(' ')}`);
		}
	}
	peer.close();
}

async function refused(port, cert) {
	const peer = new Peer(port, cert === '-' ? null : cert);
	const { code: is } = await peer.unary('/test.Peer/Echo', Buffer.from('x'));
	say(is === code.OK ? 'taken' : `refused ${code[is]}`);
	peer.close();
}

// Stock keep-alive, faster than ours: the connection lives, by one TCP connection.
async function idle(port, seconds) {
	const peer = new Peer(port), channel = peer.client.getChannel(), states = [];
	assert.strictEqual(`${(await peer.unary('/test.Peer/Echo', Buffer.from('x'))).bytes}`, 'x');
	const watch = () => channel.watchConnectivityState(channel.getConnectivityState(false), Infinity, (error) => {
		const is = channel.getConnectivityState(false);
		if (error || is === grpc.connectivityState.SHUTDOWN)
			return;
		states.push(is);
		watch();
	});
	watch();
	await sleep(seconds * 1000); // what is tried is that nothing happens
	assert.strictEqual(`${(await peer.unary('/test.Peer/Echo', Buffer.from('y'))).bytes}`, 'y');
	say(states.length ? `lost ${states}` : 'kept');
	peer.close();
}

async function leaving(port) {
	const peer = new Peer(port), call = peer.stream('/test.Peer/Echo'), heard = reader(call);
	const lines = readline.createInterface({ input: process.stdin });
	call.write(Buffer.from('0'));
	assert.strictEqual(`${await heard.next()}`, '0');
	say('open');
	await new Promise((done) => lines.once('line', done));
	lines.close();
	for (let i = 1; i < 4; i++) {
		call.write(Buffer.from(`${i}`));
		assert.strictEqual(`${await heard.next()}`, `${i}`);
	}
	const { code: other } = await peer.unary('/test.Peer/Echo', Buffer.from('x'));
	call.end();
	say('status', code[(await heard.status).code], 'another', code[other]);
	peer.close();
}

// --- the server -------------------------------------------------------------------------

function failure(is, text, trailers = {}) {
	const metadata = new grpc.Metadata();
	for (const [name, value] of Object.entries(trailers))
		metadata.set(name, value);
	return Object.assign(new Error(text), { code: is, details: text, metadata });
}

function answer(request) {
	const command = Sessions.service.Session.requestDeserialize(request);
	return Sessions.service.Session.responseSerialize({ command_id: command.command_id, hello_ack: {} });
}

function echo(change) {
	return (call) => {
		call.on('data', (x) => call.write(change(x)));
		call.on('end', () => call.end());
	};
}

const methods = (server) => ({
	'/test.Peer/Echo': echo(same),
	'/clawker.clawkerd.v1.ClawkerdService/Session': echo(answer),
	'/clawker.agent.v1.AgentService/Register': (call, done) => {
		const asked = Agents.service.Register.requestDeserialize(call.request);
		assert.deepStrictEqual([asked.agent_name, asked.project], ['agent', 'project']);
		assert.strictEqual(call.getAuthContext().sslPeerCertificate.subject.CN, 'clawker-clawkerd');
		done(null, Agents.service.Register.responseSerialize({}));
	},
	'/test.Peer/Deny': (call, done) => done(failure(code.PERMISSION_DENIED, 'no: 100 % \u00fc', { 'x-peer': 'why' })),
	'/test.Peer/Raise': () => { throw new Error('on purpose'); },
	'/test.Peer/Silent': (call) => {
		say('deadline', Number.isFinite(Number(call.getDeadline())) ? 'some' : 'none');
		call.on('cancelled', () => say('gone'));
	},
	'/test.Peer/Said': (call, done) => {
		const trailers = new grpc.Metadata();
		trailers.set('x-peer', call.metadata.get('authorization')[0] || '-');
		done(null, call.request, trailers);
	},
	// ends after one message, whatever else the client has to say
	'/test.Peer/Early': (call) => call.once('data', (x) => { call.write(x); call.end(); }),
	// leaves while that call is open; its messages come back nevertheless
	'/test.Peer/Leave': (call) => {
		call.once('data', () => server.tryShutdown(() => {}));
		echo(same)(call);
	},
	'/test.Peer/Drop': (call) => call.once('data', () => server.forceShutdown()),
});
const streams = /Echo|Session|Early|Leave|Drop/;

function serve(cert) {
	const server = new grpc.Server(SIZES), service = {};
	for (const name of Object.keys(methods(server)))
		service[name] = { path: name, requestStream: streams.test(name), responseStream: streams.test(name),
			requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };
	server.addService(service, methods(server));
	const pair = [{ private_key: read(cert + '.key'), cert_chain: read(cert + '.pem') }];
	say('pid', process.pid);
	server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createSsl(read('ca.pem'), pair, true), (error, port) => {
		assert.ifError(error);
		say('port', port);
	});
	process.stdin.on('end', () => process.exit(0)).resume();
}

process.on('unhandledRejection', (e) => { console.error(e); process.exit(1); });
({ client, refused, idle, leaving, serve })[verb](...args);
