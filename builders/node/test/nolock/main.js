// An application without a lock file and without a start script.
const ms = require('ms');
require('http').createServer((_, res) => res.end(`an hour is ${ms('1 hour')} ms\n`))
	.listen(process.env.PORT);
