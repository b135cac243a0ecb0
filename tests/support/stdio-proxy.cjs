// A stand-in for `ssh -W`: standard input and output are a connection. Its id goes into the file that a third word names.
const [host, port, file] = process.argv.slice(2);
if (file) require("node:fs").writeFileSync(file, String(process.pid));
const socket = require("node:net").connect(Number(port), host);
socket.on("error", ({ message }) => {
  process.stderr.write(`bastion: ${message}\n`);
  process.exit(1);
});
process.stdin.pipe(socket).pipe(process.stdout);
socket.on("close", () => process.exit(0));
