import { existsSync, readFileSync } from "node:fs";
import { OpenSSHAgent, ParsedKey, utils } from "ssh2";
import { UserError } from "../base/errors";
import type { Deployment } from "../deployment/deployment";

/** What ssh2 logs in with. */
export interface Credentials {
  readonly privateKey?: Buffer;
  readonly agent?: OpenSSHAgent;
  /** The public key that the host has accepted, as base64; known once the login is over. */
  readonly acceptedKey: () => string | undefined;
}

/** The deployment's key file, and the keys of ssh-agent after it. @throws UserError where there is neither */
export function readCredentials({ paths: { sshKey } }: Pick<Deployment, "paths">): Credentials {
  const socket = process.env["SSH_AUTH_SOCK"];
  const agent = socket ? new Agent(socket, publicKeyOf(`${sshKey}.pub`)) : undefined;
  const onlyAgent = agent && { agent, acceptedKey: () => agent.usedKey };
  let privateKey: Buffer;
  try {
    privateKey = readFileSync(sshKey);
  } catch (cause) {
    if (onlyAgent) return onlyAgent;
    throw new UserError(`cannot read the SSH key ${sshKey}: ${(cause as Error).message}`, "run make keypair", {
      cause,
    });
  }
  const parsed = utils.parseKey(privateKey);
  if (!(parsed instanceof Error))
    return { privateKey, ...(agent && { agent }), acceptedKey: () => agent?.usedKey ?? blobOf(parsed) };
  if (onlyAgent) return onlyAgent;
  throw new UserError(
    `cannot use the SSH key ${sshKey}: ${parsed.message}`,
    `if it has a passphrase, load it into ssh-agent: ssh-add ${sshKey}`,
  );
}

/** ssh-agent: offers the deployment's key before others, since a host allows few tries, and remembers which one it signed with. */
class Agent extends OpenSSHAgent {
  usedKey: string | undefined;

  constructor(
    socket: string,
    private readonly preferred: string | undefined,
  ) {
    super(socket);
  }

  override getIdentities(done: Parameters<OpenSSHAgent["getIdentities"]>[0]): void {
    super.getIdentities((error, keys) => {
      const isPreferred = (key: ParsedKey): boolean => blobOf(key) === this.preferred;
      const sorted = keys as ParsedKey[] | undefined;
      done(
        error,
        sorted?.sort((a, b) => Number(isPreferred(b)) - Number(isPreferred(a))),
      );
    });
  }

  override sign(key: ParsedKey | Buffer | string, data: Buffer, ...rest: any): boolean {
    const parsed = utils.parseKey(key as Buffer);
    if (!(parsed instanceof Error)) this.usedKey = blobOf(parsed);
    return super.sign(key, data, ...(rest as []));
  }
}

const blobOf = (key: ParsedKey): string => key.getPublicSSH().toString("base64");

function publicKeyOf(file: string): string | undefined {
  if (!existsSync(file)) return undefined;
  const key = utils.parseKey(readFileSync(file));
  return key instanceof Error ? undefined : blobOf(key);
}
