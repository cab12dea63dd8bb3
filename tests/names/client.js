// SPDX-License-Identifier: Apache-2.0
// client.js - node's two resolvers as a program; arguments and exit as in client_getaddrinfo.c
//
//   client.js lookup|resolve any|4|6|ptr NAME|ADDR
//
// lookup is the C library's, on a thread; resolve is node's own c-ares.
const dns = require('dns').promises;
const [how, what, name] = process.argv.slice(2);

async function ask() {
	if (how === 'lookup') {
		if (what === 'ptr')
			return [(await dns.lookupService(name, 80)).hostname];
		const list = await dns.lookup(name, { all: true, family: what === 'any' ? 0 : +what });
		return list.map((one) => one.address);
	}
	if (what === 'ptr')
		return await dns.reverse(name);
	return await (what === '6' ? dns.resolve6(name) : dns.resolve4(name));
}

ask().then((list) => {
	// of an address without a name lookupService says the address
	if (what === 'ptr' && list[0] === name)
		process.exitCode = 2;
	console.log(list.join('\n'));
}, (error) => {
	console.error(error.code);
	process.exitCode = ['ENOTFOUND', 'ENODATA'].includes(error.code) ? 2 : 3;
});
