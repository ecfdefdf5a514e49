import http from 'http';
import ms from 'ms';

const day: number = ms('1 day');
http.createServer((_, res) => res.end(`a day is ${day} ms\n`)).listen(Number(process.env.PORT));
