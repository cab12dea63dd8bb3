#!/usr/bin/node
// SPDX-License-Identifier: Apache-2.0
// A stock gRPC (@grpc/grpc-js) as an agent of terok-cp serve: its peer in the container, and people's program.
//
// cp_agent.js serve BUNDLE PORT CP-PORT AGENT PROJECT       serves sessions: prints "listens", and what it is told;
//                                                           a line "fail" ends the session with a status alone
// cp_agent.js register BUNDLE CP-PORT AGENT PROJECT [-]     "CODE text"; -: without a token
// cp_agent.js list PKI PORT TOKEN-FILE                      a line for each agent
// BUNDLE has cert.pem, key.pem, ca.pem, assertion.jwt; PKI cli.pem and ca.pem. cp_client.py is the same by grpcio.
'use strict';
const child = require('child_process');
const fs = require('fs');
const path = require('path');
const readline = require('readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [, , verb, where, ...args] = process.argv;
const code = grpc.status;
const read = (name) => fs.readFileSync(path.join(where, name));
const say = (...words) => fs.writeSync(1, words.join(' ') + '\n');
const messages = grpc.loadPackageDefinition(loader.loadSync(['admin.proto', 'agent.proto', 'clawkerd.proto'], {
	includeDirs: [path.join(__dirname, '../../user/proto')], keepCase: true, oneofs: true, defaults: true, longs: Number,
})).clawker;

function client(Service, port, cert, key) {
	return new Service(`127.0.0.1:${port}`, grpc.credentials.createSsl(read('ca.pem'), read(key), read(cert)), {
		'grpc.ssl_target_name_override': 'clawker-controlplane',
	});
}

function bearer(token) {
	const metadata = new grpc.Metadata();
	if (token)
		metadata.set('authorization', 'Bearer ' + token);
	return metadata;
}

function call(on, method, request, token) {
	return new Promise((done) => on[method](request, bearer(token), { deadline: Date.now() + 20000 }, (error, reply) => {
		on.close();
		done(error ? { said: `${code[error.code]} ${error.details}` } : { said: 'OK', reply });
	}));
}

function registers(port, agent_name, project, token) {
	return call(client(messages.agent.v1.AgentService, port, 'cert.pem', 'key.pem'), 'Register', { agent_name, project }, token);
}

async function register(port, agent, project, none) {
	say((await registers(port, agent, project, none ? null : `${read('assertion.jwt')}`)).said);
}

async function list(port, token) {
	const on = client(messages.admin.v1.AdminService, port, 'cli.pem', 'cli.pem');
	const { said, reply } = await call(on, 'ListAgents', {}, fs.readFileSync(token, 'utf8').trim());
	if (!reply)
		say(said);
	else
		reply.agents.forEach((a) => say(a.agent_name, a.project, a.container_id, a.cert_thumbprint));
}

// One program, whose number and user nobody looks at here.
function shell(session, command_id, { stages, initial_stdin }, programs) {
	const { argv, cwd, env } = stages[0];
	const program = child.spawn(argv[0], argv.slice(1), { cwd: cwd || undefined, env: { ...process.env, ...env } });
	programs[command_id] = program;
	session.write({ command_id, started: {} });
	program.stdin.on('error', () => {}); // it need not read
	program.stdin.write(initial_stdin);
	program.stdout.on('data', (data) => session.write({ command_id, stdout: { data } }));
	program.stderr.on('data', (data) => session.write({ command_id, stderr: { stage_index: 0, data } }));
	program.on('close', (exit_code) => {
		session.write({ command_id, stage_exit: { stage_index: 0, exit_code } });
		session.write({ command_id, done: { final_exit_code: exit_code } });
	});
}

function serve(port, cp_port, agent, project) {
	const server = new grpc.Server(), lines = readline.createInterface({ input: process.stdin });
	let open;
	const Session = (session) => {
		const programs = {};
		open = session;
		session.on('data', async (command) => {
			const { command_id, payload } = command;
			say('told', payload, command_id);
			if (payload === 'hello')
				session.write({ command_id, hello_ack: {} });
			else if (payload === 'register_required') {
				const { said } = await registers(cp_port, agent, project, `${read('assertion.jwt')}`);
				session.write({ command_id, register_done: { ok: said === 'OK', error: said } });
			} else if (payload === 'shell')
				shell(session, command_id, command.shell, programs);
			else if (payload === 'close_stdin')
				programs[command_id].stdin.end();
			else
				session.write({ command_id, done: { final_exit_code: 0 } });
		});
		session.on('end', () => session.end());
		session.on('cancelled', () => say('cancelled'));
	};
	const pair = [{ private_key: read('key.pem'), cert_chain: read('cert.pem') }];
	server.addService(messages.clawkerd.v1.ClawkerdService.service, { Session });
	server.bindAsync(`127.0.0.1:${port}`, grpc.ServerCredentials.createSsl(read('ca.pem'), pair, true), (error) => {
		say(error ? `not: ${error.message}` : 'listens');
	});
	lines.on('line', () => open.emit('error', { code: code.ABORTED, details: 'it has enough' }));
}

({ serve, register, list })[verb](...args);
