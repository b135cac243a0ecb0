import { AddressInfo, Server, Socket, createServer } from "node:net";
import type { Duplex } from "node:stream";
import { once } from "node:events";
import type { Host } from "./host";
import { LinkLost } from "./ssh-errors";

export interface Tunnel {
  readonly port: number;
  close(): void;
}

/**
 * Opens a port on this machine's loopback that leads to a port on the host's loopback, for any number of connections.
 * If the SSH link is lost, the next connection makes a new one. @param port 0 takes a free one
 */
export async function openTunnel(
  host: Host,
  port: number,
  remotePort: number,
  say: (text: string) => void,
): Promise<Tunnel> {
  const open = new Set<Socket>();
  const connect = reconnecting(host, remotePort);
  let complaint = "";
  const carry = (socket: Socket): void => {
    open.add(socket);
    // A browser may close its connection at any time: that is not an error.
    socket.on("error", () => undefined).on("close", () => open.delete(socket));
    connect().then(
      (stream) => {
        complaint = "";
        join(socket, stream);
      },
      (error: Error) => {
        socket.destroy();
        // A browser tries many times: the same error is shown once.
        if (error.message !== complaint) say(`error: ${(complaint = error.message)}`);
      },
    );
  };
  const servers = await listenOnLoopback(port, carry);
  return {
    port: (servers[0]!.address() as AddressInfo).port,
    close: () => {
      for (const server of servers) server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/**
 * Listens on the same port of 127.0.0.1 and of ::1: a browser may take either for `<name>.localhost`. If another program has
 * one of them, neither is opened, or the browser might meet that program. A machine without IPv6 has only the first.
 */
async function listenOnLoopback(port: number, carry: (socket: Socket) => void): Promise<readonly Server[]> {
  const first = await listen(port, "127.0.0.1", carry);
  try {
    return [first, await listen((first.address() as AddressInfo).port, "::1", carry)];
  } catch (error) {
    if (["EADDRNOTAVAIL", "EAFNOSUPPORT"].includes((error as NodeJS.ErrnoException).code ?? "")) return [first];
    first.close();
    throw error;
  }
}

async function listen(port: number, address: string, carry: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ noDelay: true }, carry).listen(port, address);
  await once(server, "listening");
  return server;
}

function join(socket: Socket, stream: Duplex): void {
  stream.on("error", () => socket.destroy()).on("close", () => socket.destroy());
  socket.on("close", () => stream.destroy());
  socket.pipe(stream).pipe(socket);
}

/** Connects to a port of the host. If the link is lost, all callers that wait share one reconnection. */
function reconnecting(host: Host, port: number): () => Promise<Duplex> {
  let pending: Promise<void> | undefined;
  return async () => {
    if (pending) await pending;
    try {
      return await host.connect(port);
    } catch (error) {
      if (!(error instanceof LinkLost)) throw error;
    }
    pending ??= host.reconnect().finally(() => (pending = undefined));
    await pending;
    return host.connect(port);
  };
}
