// A stand-in for `ssh -W`: connects standard input and output with a host and port. Its process id is written to the file
// that the third argument names.
const [host, port, file] = process.argv.slice(2);
if (file) require("node:fs").writeFileSync(file, String(process.pid));
const socket = require("node:net").connect(Number(port), host);
socket.on("error", ({ message }) => {
  process.stderr.write(`bastion: ${message}\n`);
  process.exit(1);
});
process.stdin.pipe(socket).pipe(process.stdout);
socket.on("close", () => process.exit(0));
