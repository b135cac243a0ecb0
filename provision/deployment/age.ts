import { UserError } from "../base/errors";

/** The one door to age. The library takes 0.1 s to load, so only the verbs that need it do. */
const library = () => import("age-encryption");

/** A file that age cannot read: cut, changed, or not age at all. */
export class Corrupt extends Error {}
/** A sound file, encrypted to other identities. */
export class NotForUs extends Error {}

/** A new identity: the line that belongs in the identity file. */
export const generateIdentity = async (): Promise<string> => (await library()).generateX25519Identity();

/** The public recipient (`age1…`) of an identity: the text of an identity file, comments allowed. */
export async function recipientOf(identityFile: string): Promise<string> {
  const { identityToRecipient } = await library();
  return identityToRecipient(keyIn(identityFile)).catch(() => {
    throw damaged();
  });
}

/** Encrypts to all recipients: any one of their identities reads it. */
export async function encrypt(text: string, recipients: readonly string[]): Promise<Buffer> {
  const { Encrypter } = await library();
  const encrypter = new Encrypter();
  for (const recipient of recipients) {
    try {
      encrypter.addRecipient(recipient);
    } catch {
      throw new UserError(`"${recipient}" is not an age recipient`, "copy it again: one wrong letter is enough");
    }
  }
  return Buffer.from(await encrypter.encrypt(text));
}

/** Throws Corrupt or NotForUs, neither of which holds a byte of the content. */
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
    // The library has no error types: this is its text for a file whose header it read and whose keys are others'.
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
