import { AddressInfo, connect } from "node:net";
import { Connection, Server, ServerConfig, utils } from "ssh2";

/**
 * An SSH server in this process. It answers every command with the command's own text, leads to ports of this machine, and
 * may refuse the first logins.
 */
export interface SshServer {
  readonly port: number;
  /** `type base64` */
  readonly key: string;
  /** How many logins were tried. */
  logins(): number;
  close(): Promise<void>;
}

export async function startSshServer(
  hostKey: string,
  options: { readonly port?: number; readonly bootingFor?: number } = {},
): Promise<SshServer> {
  let logins = 0;
  const clients = new Set<Connection>();
  const serve = (bootBanner: boolean) => (client: Connection) => {
    clients.add(client);
    client.on("error", () => undefined).on("close", () => clients.delete(client));
    client.on("authentication", (attempt) => {
      if (attempt.method === "none") return attempt.reject(["publickey"]);
      if (attempt.method === "publickey" && !attempt.signature) return attempt.accept();
      logins += 1;
      // pam_nologin does the same: it gives the reason in a banner and closes the connection.
      if (bootBanner && logins <= (options.bootingFor ?? 0)) return void client.end();
      attempt.accept();
    });
    client.on("tcpip", (accept, reject, { destPort }) => {
      const socket = connect(destPort, "127.0.0.1", () => {
        const channel = accept();
        socket.on("close", () => channel.destroy());
        channel.on("close", () => socket.destroy());
        channel.pipe(socket).pipe(channel);
      });
      socket.on("error", () => reject());
    });
    client.on("ready", () =>
      client.on("session", (accept) =>
        accept().on("exec", (acceptExec, _reject, { command }) => {
          const channel = acceptExec();
          channel.write(command);
          channel.exit(0);
          channel.end();
        }),
      ),
    );
  };
  const config: ServerConfig = { hostKeys: [hostKey] };
  if (options.bootingFor) config.banner = '"System is booting up. Unprivileged users are not permitted to log in yet."';
  const server = new Server(config, serve(options.bootingFor !== undefined));
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
  const parsed = utils.parseKey(hostKey);
  if (parsed instanceof Error) throw parsed;
  return {
    port: (server.address() as AddressInfo).port,
    key: `${parsed.type} ${parsed.getPublicSSH().toString("base64")}`,
    logins: () => logins,
    close: () => {
      for (const client of clients) client.end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
