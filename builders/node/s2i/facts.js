// What assemble and run have to know of an application: facts.js assemble|run
// Prints assignments for the shell's eval, every value in single quotes. The application
// is the current directory; nothing of it is executed here.
'use strict';
const crypto = require('crypto');
const fs = require('fs');

const LOCKS = ['npm-shrinkwrap.json', 'package-lock.json'];
const FOREIGN = ['yarn.lock', 'pnpm-lock.yaml', 'bun.lockb', 'bun.lock'];
// npm runs these of the application itself while it installs: then an install is more than
// node_modules, and none can be left out.
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare',
	'prepare', 'postprepare'];
// A command that needs no shell.
const PLAIN = /^node( +[A-Za-z0-9_.\/:=@%+,-]+)+$/;

function fail(text) {
	process.stderr.write(text + '\n');
	process.exit(1);
}

function object(value) {
	return value && typeof value === 'object' && !Array.isArray(value) ? value : {};
}

function read() {
	if (!fs.existsSync('package.json'))
		return null;
	let value;
	try {
		value = JSON.parse(fs.readFileSync('package.json', 'utf8').replace(/^\uFEFF/, ''));
	} catch (e) {
		fail(`package.json: ${e.message}`);
	}
	if (!value || typeof value !== 'object' || Array.isArray(value))
		fail('package.json: it is no JSON object');
	return value;
}

// Everything that decides what an install puts into node_modules.
function hash(lock, omit) {
	const sum = crypto.createHash('sha256');
	const add = (name, data) => sum.update(`${name} ${data.length}\n`).update(data);

	add('node', Buffer.from(`${process.version} ${process.arch} ${process.versions.modules}`));
	add('omit', Buffer.from(omit));
	for (const name of ['package.json', lock, '.npmrc'])
		if (fs.existsSync(name))
			add(name, fs.readFileSync(name));
	return sum.digest('hex');
}

function forAssemble(pkg) {
	const scripts = object(pkg && pkg.scripts);
	const lock = LOCKS.find((name) => fs.existsSync(name)) || '';
	const own = INSTALL_SCRIPTS.some((name) => scripts[name]) || fs.existsSync('binding.gyp') ||
		(pkg && pkg.workspaces !== undefined);
	const omit = (process.env.NODE_ENV || 'production') === 'production' ? 'dev' : '';
	return {
		package: pkg ? 'yes' : '',
		lock,
		foreign: FOREIGN.find((name) => fs.existsSync(name)) || '',
		build: scripts.build ? 'yes' : '',
		omit,
		hash: pkg && lock && !own ? hash(lock, omit) : '',
	};
}

// The file to start: what a plain start script names, else the usual ones.
function forRun(pkg) {
	const scripts = object(pkg && pkg.scripts);
	const want = process.env.NPM_RUN || '';
	const dev = process.env.DEV_MODE === 'true' && !want;
	const script = want || (dev && scripts.dev ? 'dev' : 'start');
	const hooked = scripts['pre' + script] || scripts['post' + script];
	const facts = {script: '', command: '', name: '', version: ''};

	if (pkg && typeof pkg.name === 'string')
		facts.name = pkg.name;
	if (pkg && typeof pkg.version === 'string')
		facts.version = pkg.version;
	if (typeof scripts[script] === 'string' && scripts[script].trim()) {
		if (!hooked && PLAIN.test(scripts[script].trim()))
			facts.command = scripts[script].trim().replace(/^node +/, '');
		else
			facts.script = script;
		return facts;
	}
	if (want)
		fail(`run: package.json has no script '${want}', which NPM_RUN names`);
	for (const name of ['server.js', pkg && pkg.main, 'index.js', 'app.js'])
		if (typeof name === 'string' && /^[A-Za-z0-9_.\/@+-]+$/.test(name) && !name.startsWith('-') &&
		    fs.existsSync(name)) {
			facts.command = name;
			return facts;
		}
	fail('run: nothing to start: add a "start" script to package.json or a server.js');
}

const facts = (process.argv[2] === 'run' ? forRun : forAssemble)(read());
for (const [name, value] of Object.entries(facts))
	process.stdout.write(`fact_${name}='${value.replace(/'/g, "'\\''")}'\n`);
