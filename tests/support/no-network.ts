/** Unit and integration tests must not depend on a network: a connection to another machine throws. */
import { Socket as UdpSocket } from "node:dgram";
import dns from "node:dns";
import { Socket } from "node:net";

const isLocal = (host: unknown): boolean =>
  host === undefined || host === "localhost" || /^(127\.|::1$|::ffff:127\.)/.test(String(host));

// The test files of a worker share Node's modules, so these are patched only once.
const done = Symbol.for("airflow-deployment.no-network");
const once = globalThis.process as unknown as Record<symbol, boolean>;
if (!once[done]) {
  once[done] = true;
  guard(Socket.prototype, "connect", hostOf);
  guard(UdpSocket.prototype, "connect", ([, address]) => (typeof address === "string" ? address : undefined));
  guard(UdpSocket.prototype, "send", ([, ...rest]) => rest.find((arg) => typeof arg === "string"));
  for (const target of [dns, dns.promises]) {
    for (const name of ["lookup", "resolve", "resolve4", "resolve6"]) guard(target, name, ([host]) => host);
  }
}

function guard(target: object, name: string, host: (args: any[]) => unknown): void {
  const methods = target as Record<string, (...args: any[]) => unknown>;
  const original = methods[name]!;
  methods[name] = function (this: unknown, ...args: any[]) {
    const to = host(args);
    if (!isLocal(to)) throw new Error(`tests must not reach ${String(to)}`);
    return original.apply(this, args);
  };
}

/** `connect` takes (options), (port, host), (path) or, from node itself, ([options, callback]). */
function hostOf(args: any[]): unknown {
  const first = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (typeof first === "object" && first !== null) return first.path ? undefined : first.host;
  return typeof args[1] === "string" ? args[1] : undefined;
}
