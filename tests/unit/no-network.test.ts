import { createSocket } from "node:dgram";
import dns from "node:dns";
import { once } from "node:events";
import { get } from "node:http";
import { connect, createServer } from "node:net";

test.each<[string, () => unknown]>([
  ["TCP", () => connect(80, "192.0.2.1")],
  ["TCP with options", () => connect({ port: 80, host: "host.example" })],
  ["TCP over IPv6", () => connect(80, "2001:db8::1")],
  ["HTTP", () => get("http://192.0.2.1/")],
  ["UDP", () => createSocket("udp4").send("x", 53, "192.0.2.1")],
  ["connected UDP", () => createSocket("udp4").connect(53, "192.0.2.1")],
  ["a name", () => dns.lookup("host.example", () => undefined)],
  ["a name, promised", () => dns.promises.lookup("host.example")],
  ["a record", () => dns.resolve4("host.example", () => undefined)],
])("%s does not leave this machine", (_what, work) => expect(work).toThrow(/tests must not reach/));

test("fetch does not either", async () => {
  await expect(fetch("http://192.0.2.1/")).rejects.toMatchObject({
    cause: { message: "tests must not reach 192.0.2.1" },
  });
});

test.each(["127.0.0.1", "localhost", undefined])("loopback works: %s", async (host) => {
  const server = createServer((socket) => socket.end()).listen(0);
  await once(server, "listening");
  const socket = connect({ port: (server.address() as { port: number }).port, ...(host && { host }) });
  await once(socket, "connect");
  socket.destroy();
  server.close();
});
