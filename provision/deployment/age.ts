import { ReadableStream } from "node:stream/web";
import { UserError } from "../base/errors";

/** Only this file uses the age library. It takes 0.1 s to load, so it is loaded at the first use. */
const library = () => import("age-encryption");

/** The file is truncated, was changed, or is not an age file. */
export class Corrupt extends Error {}
/** The file is sound, but encrypted to other identities. */
export class NotForUs extends Error {}

/** Makes a new identity: the line for the identity file. */
export const generateIdentity = async (): Promise<string> => (await library()).generateX25519Identity();

/** The public recipient (`age1…`) of an identity. @param identityFile the file's text, which may hold comments */
export async function recipientOf(identityFile: string): Promise<string> {
  const { identityToRecipient } = await library();
  return identityToRecipient(keyIn(identityFile)).catch(() => {
    throw damaged();
  });
}

/** Encrypts to all recipients: the identity of any one of them decrypts it. */
export async function encrypt(text: string, recipients: readonly string[]): Promise<Buffer> {
  return Buffer.from(await (await encrypterFor(recipients)).encrypt(text));
}

/** Encrypts content of any size, 64 KiB at a time, to all recipients. */
export async function encryptStream(
  content: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): Promise<AsyncIterable<Uint8Array>> {
  return (await encrypterFor(recipients)).encrypt(ReadableStream.from(content));
}

async function encrypterFor(recipients: readonly string[]) {
  const { Encrypter } = await library();
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw new UserError(
        `"${recipient}" is not an age recipient`,
        "copy it again: a single wrong letter makes it invalid",
      );
    }
  }
  return encrypter;
}

/** Decrypts a file. @throws Corrupt, NotForUs, or UserError for a damaged identity: none of them holds any content */
export async function decrypt(file: Uint8Array, identityFile: string): Promise<string> {
  const { Decrypter } = await library();
  const decrypter = new Decrypter();
  try {
    decrypter.addIdentity(keyIn(identityFile));
  } catch (error) {
    throw error instanceof UserError ? error : damaged();
  }
  try {
    return await decrypter.decrypt(file, "text");
  } catch (error) {
    // The library has no error types: this is its message for a sound file that is encrypted to other recipients.
    const isForeign = error instanceof Error && error.message.startsWith("no identity matched");
    throw isForeign ? new NotForUs() : new Corrupt();
  }
}

function keyIn(identityFile: string): string {
  const lines = identityFile.split("\n").map((line) => line.trim());
  const keys = lines.filter((line) => line && !line.startsWith("#"));
  if (keys.length !== 1 || !/^AGE-SECRET-KEY-/.test(keys[0]!)) throw damaged();
  return keys[0]!;
}

const damaged = () =>
  new UserError(
    "the age identity is damaged",
    "it is a text file with one line AGE-SECRET-KEY-…; restore it from your backup",
  );
