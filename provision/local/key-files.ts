import { chmodSync, existsSync, lstatSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { UserError } from "../base/errors";

/** Whether the name is taken. A link to a stick that is away is there, too. */
export const isThere = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false }) !== undefined;

/** The folder of a key file, which only its owner may open. @throws UserError where it is a link that leads nowhere */
export function makeKeyFolder(file: string): void {
  const folder = dirname(file);
  if (existsSync(folder)) return;
  if (isThere(folder)) throw new UserError(`${folder} leads nowhere`, "is its disk or stick mounted?");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
}

/**
 * A file that a variable names is somebody's own: none is made in its place while it is away.
 * @throws UserError where the variable names a file of which nothing is there
 */
export function refuseNamedAndAway(variable: string, file: string): void {
  if (process.env[variable] && !isThere(file) && !isThere(`${file}.pub`)) {
    throw new UserError(
      `${variable} names ${file}, which is not there`,
      `is its disk or stick mounted? make keypair makes keys only where no variable names others: unset ${variable}`,
    );
  }
}
