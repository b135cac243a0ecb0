import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync } from "node:fs";
import { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Server, utils } from "ssh2";

/** An SSH server in this process that records what reaches it, and answers every command by `answer`. */
export interface SshServer {
  readonly port: number;
  /** The public host key, `type base64`. */
  readonly key: string;
  /** What clients did, in order: `connected`, `auth <method>`, `exec <command>`, `forward <port>`. */
  readonly events: string[];
  close(): Promise<void>;
}

export interface SshAnswer {
  readonly stdout?: string;
  readonly stderr?: string;
  /** `none`: the channel closes without an exit code; `hang`: the server never answers. */
  readonly code?: number | "none" | "hang";
}

/** Makes a key pair as OpenSSH does; returns the private key's file. */
export function makeKey(): string {
  const file = join(mkdtempSync(join(tmpdir(), "key-")), "key");
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", file]);
  return file;
}

export const publicKey = (file: string): string => readFileSync(`${file}.pub`, "utf8").trim();

/** @param allowed the one public key that may log in */
export async function makeSshServer(allowed: string, answer: (command: string) => SshAnswer): Promise<SshServer> {
  const hostKey = makeKey();
  const events: string[] = [];
  const clients = new Set<{ end(): void }>();
  const good = utils.parseKey(allowed);
  if (good instanceof Error) throw good;
  const server = new Server({ hostKeys: [readFileSync(hostKey)] }, (client) => {
    events.push("connected");
    clients.add(client);
    client.on("close", () => clients.delete(client));
    client.on("error", () => undefined);
    client.on("authentication", (context) => {
      events.push(`auth ${context.method}`);
      if (context.method === "publickey" && context.key.data.equals(good.getPublicSSH())) context.accept();
      else context.reject(["publickey"]);
    });
    client.on("ready", () =>
      client.on("session", (accept) =>
        accept().on("exec", (acceptExec, _reject, { command }) => {
          events.push(`exec ${command}`);
          const channel = acceptExec();
          const { stdout = "", stderr = "", code = 0 } = answer(command);
          if (code === "hang") return;
          channel.write(stdout);
          channel.stderr.write(stderr);
          if (code !== "none") channel.exit(code);
          channel.end();
        }),
      ),
    );
    client.on("tcpip", (_accept, reject, { destPort }) => {
      events.push(`forward ${destPort}`);
      reject();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    key: publicKey(hostKey).split(" ").slice(0, 2).join(" "),
    events,
    close: () => {
      for (const client of clients) client.end();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}
