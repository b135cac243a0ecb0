import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { link, mkdir, open, readFile, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { Corrupt, NotForUs, decrypt, encrypt, recipientOf } from "./age";
import type { Deployment } from "./deployment";
import { UserError } from "../base/errors";
import { Paths, ROOT } from "./paths";
import { isAlive } from "../base/processes";
import { SECRET_NAMES, Secrets } from "./secret-names";
import {
  Approve,
  Reader,
  ReaderChange,
  changeOf,
  headerFor,
  isChange,
  readHeader,
  readersFor,
} from "./secrets-readers";
import { complete, parseSecrets } from "./secrets-text";

/** Reads all secrets. @throws UserError if there are none yet, or one is missing */
export const readSecrets = async (deployment: Deployment): Promise<Secrets> => secretsIn(await openSecrets(deployment));

/** @throws UserError if the file is not there, or lacks a secret */
export function secretsIn({ source, text, encrypted }: Opened): Secrets {
  if (encrypted === undefined) {
    throw new UserError(
      `there is no ${source}`,
      "restore it from git or a backup; if there never was one, run make provision, which makes it",
    );
  }
  const secrets = parseSecrets(source, text);
  const missing = SECRET_NAMES.filter((name) => secrets[name] === undefined);
  if (missing.length > 0) {
    throw new UserError(
      `${source} lacks ${missing.join(", ")}`,
      "add what is missing with make secrets, or let make provision generate it",
    );
  }
  return secrets as Secrets;
}

export interface Draft {
  readonly secrets: Secrets;
  /** The names of the secrets that were generated. */
  readonly created: readonly string[];
  /** Who will be able to read them, and who no longer. */
  readonly readers: ReaderChange;
  /** Writes what was generated; encrypts again where the readers have changed. @returns whether it wrote anything */
  keep(approve: Approve): Promise<boolean>;
}

/** Reads the secrets and generates the missing ones. Only `keep` writes them to the file. */
export async function draftSecrets(deployment: Deployment): Promise<Draft> {
  const opened = await openSecrets(deployment);
  parseSecrets(opened.source, opened.text);
  const { text, created } = complete(opened.text);
  return {
    secrets: parseSecrets(opened.source, text) as Secrets,
    created,
    readers: opened.readers,
    keep: async (approve) => {
      if (created.length === 0 && !isChange(opened.readers)) return false;
      await saveSecrets(deployment, opened, text, approve);
      return true;
    },
  };
}

export interface Opened {
  /** How messages name the file. */
  readonly source: string;
  /** The decrypted text, not checked yet; empty if there is no file. */
  readonly text: string;
  /** The content of the encrypted file; undefined if there is no file. */
  readonly encrypted: Buffer | undefined;
  /** SHA-256 of the encrypted file; undefined if there is no file. */
  readonly digest: string | undefined;
  /** Whom it is encrypted to, by the line inside it; undefined where there is no file. */
  readonly encryptedTo: readonly Reader[] | undefined;
  /** How that differs from who should read it. */
  readonly readers: ReaderChange;
}

export async function openSecrets(deployment: Deployment): Promise<Opened> {
  const file = deployment.paths.secrets;
  const source = nameOf(file);
  const encrypted = await contentOf(file);
  const identity = await identityOf(deployment.paths);
  const { readers } = await readersOf(deployment, identity);
  if (encrypted === undefined) {
    return {
      source,
      text: "",
      encrypted,
      digest: undefined,
      encryptedTo: undefined,
      readers: changeOf(undefined, readers),
    };
  }
  const text = await decrypted(source, encrypted, identity);
  const header = readHeader(text);
  if (header && header.deployment !== deployment.name) {
    throw new UserError(
      `${source} holds the secrets of "${header.deployment}", not of "${deployment.name}"`,
      `put back the right file, or choose DEPLOYMENT=${header.deployment}`,
    );
  }
  const encryptedTo = header?.readers ?? [];
  return {
    source,
    text: header?.rest ?? text,
    encrypted,
    digest: sha256(encrypted),
    encryptedTo,
    readers: changeOf(encryptedTo, readers),
  };
}

/**
 * Writes the secrets. A crash at any moment leaves either the old file or the new one.
 * @param opened the file that the text was made from @throws UserError if somebody else has changed the file since
 * @param approve is asked before anybody can read the secrets who could not, or the other way round
 */
export async function saveSecrets(
  deployment: Deployment,
  opened: Opened,
  text: string,
  approve: Approve,
): Promise<void> {
  const file = deployment.paths.secrets;
  const identity = await identityOf(deployment.paths);
  const { own, readers } = await readersOf(deployment, identity);
  const recipients = readers.map(({ recipient }) => recipient);
  if (!recipients.includes(own)) {
    throw new UserError(
      `you are not among the operators of "${deployment.name}": you could not read what you write`,
      `add your recipient ${own} to \`operators\` in deployments/${deployment.name}.yaml`,
    );
  }
  const whole = headerFor(deployment.name, readers) + text;
  const encrypted = await encrypt(whole, recipients);
  const change = changeOf(opened.encryptedTo, readers);
  if (isChange(change)) await approve(change);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await removeLeftovers(file);
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    await writeSynced(temporary, encrypted);
    if ((await decrypted(opened.source, await readFile(temporary), identity)) !== whole) {
      throw new Error(`${temporary} does not decrypt to what was encrypted`);
    }
    await putInPlace(temporary, file, opened);
  } finally {
    await rm(temporary, { force: true });
  }
  await syncDirectory(dirname(file));
}

/** This machine's own recipient, and who shall be able to read the secrets. */
async function readersOf(deployment: Deployment, identity: string) {
  const own = await recipientOf(identity);
  const recovery = (await contentOf(deployment.paths.recovery))?.toString().match(/^age1\S+/m)?.[0];
  return { own, readers: readersFor(deployment, own, recovery) };
}

async function identityOf({ ageIdentity, secrets }: Paths): Promise<string> {
  const identity = await contentOf(ageIdentity);
  if (identity) return identity.toString();
  throw new UserError(
    `there is no age identity at ${nameOf(ageIdentity)}`,
    existsSync(secrets)
      ? `it is needed to decrypt ${nameOf(secrets)}: copy yours there, or name it with AIRFLOW_AGE_IDENTITY`
      : "run make keypair",
  );
}

async function decrypted(source: string, file: Buffer, identity: string): Promise<string> {
  try {
    return await decrypt(file, identity);
  } catch (error) {
    if (error instanceof NotForUs) {
      throw new UserError(
        `${source} is not encrypted to your age identity, ${await recipientOf(identity)}`,
        "ask somebody who can read it to add you to `operators` and run make secrets; or name the right identity with AIRFLOW_AGE_IDENTITY",
      );
    }
    if (error instanceof Corrupt) {
      throw new UserError(`${source} is damaged: age cannot decrypt it`, "restore it from git or a backup");
    }
    throw error;
  }
}

async function putInPlace(temporary: string, file: string, opened: Opened): Promise<void> {
  const meanwhile = () =>
    new UserError(
      `${opened.source} was changed by somebody else meanwhile`,
      "nothing was written; run the same verb again",
    );
  if (opened.digest === undefined) {
    // A link never replaces a file: if two first runs write at the same time, the second one fails.
    return link(temporary, file).catch((error: NodeJS.ErrnoException) => {
      throw error.code === "EEXIST" ? meanwhile() : error;
    });
  }
  const current = await contentOf(file);
  if (current === undefined || sha256(current) !== opened.digest) throw meanwhile();
  await rename(temporary, file);
}

/** Removes the (encrypted) temporary files of processes that were killed. */
async function removeLeftovers(file: string): Promise<void> {
  for (const entry of await readdir(dirname(file))) {
    const pid = entry.startsWith(`${basename(file)}.`) && /\.(\d+)\.tmp$/.exec(entry)?.[1];
    if (pid && !isAlive(Number(pid))) await rm(join(dirname(file), entry), { force: true });
  }
}

async function writeSynced(file: string, content: Buffer): Promise<void> {
  const handle = await open(file, "w", 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r");
  await handle.sync().finally(() => handle.close());
}

const contentOf = (file: string): Promise<Buffer | undefined> =>
  readFile(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });

const sha256 = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

/** A file's name in messages: relative to the checkout if it lies inside. */
const nameOf = (file: string): string => {
  const inside = relative(ROOT, file);
  return inside.startsWith("..") ? file : inside;
};
