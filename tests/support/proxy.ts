import { AddressInfo, Server, Socket, connect, createServer } from "node:net";

/** A link to a port of 127.0.0.1 that a test may break. */
export interface Proxy {
  readonly port: number;
  /** Bytes that went to the server since the start. */
  readonly sent: () => number;
  /** Breaks the link once this many bytes have gone to the server, counted from its start. */
  cutAfter(bytes: number): void;
  /** Breaks all connections, now. */
  cut(): void;
  /** New connections are closed at once, until `open`. */
  shut(): void;
  open(): void;
  /** From now on everything is lost, in both directions, but the connections stay open. */
  swallow(): void;
  close(): Promise<void>;
}

export async function makeProxy(target: number): Promise<Proxy> {
  const pairs = new Set<readonly [Socket, Socket]>();
  let isShut = false;
  let isSwallowing = false;
  let limit = Infinity;
  let sent = 0;
  const cut = (): void => {
    // A reset, as a router sends it that has forgotten the connection.
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    pairs.clear();
  };
  const server: Server = createServer((client) => {
    if (isShut) return client.destroy();
    const upstream = connect({ host: "127.0.0.1", port: target, noDelay: true });
    client.setNoDelay(true);
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.on("data", (chunk) => {
      if (isSwallowing) return;
      const part = chunk.subarray(0, limit - sent);
      sent += part.length;
      upstream.write(part);
      if (sent < limit) return;
      limit = Infinity;
      // What was let through must arrive before the link breaks.
      upstream.end(() => cut());
    });
    upstream.on("data", (chunk) => isSwallowing || client.write(chunk));
    for (const socket of pair) {
      socket.on("error", () => undefined);
      socket.on("close", () => {
        pairs.delete(pair);
        if (!isSwallowing) pair.forEach((other) => other.destroy());
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    sent: () => sent,
    cutAfter: (bytes) => (limit = bytes),
    cut,
    shut: () => {
      isShut = true;
      cut();
    },
    open: () => (isShut = false),
    swallow: () => (isSwallowing = true),
    close: () => {
      cut();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

/** A port of 127.0.0.1 that is free now. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
