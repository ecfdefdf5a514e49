// Answers every page with a line that tells how it runs, and ends when it is told to.
const express = require('express');
const app = express();
app.use((req, res) => {
	res.type('text/plain').send(`Hello from s2c!\nnode ${process.versions.node}, uid ` +
		`${process.getuid()}, path ${req.path}, ${process.env.npm_package_version} ` +
		`${process.env.NODE_ENV}\n`);
});
const server = app.listen(process.env.PORT, () => console.log('listening'));
process.on('SIGTERM', () => server.close(() => {
	console.log('closed');
	process.exit(0);
}));
