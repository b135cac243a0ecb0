import { UserError } from "../base/errors";
import type { Step } from "../change/planning";
import type { Wanted } from "../release/wanted";
import { fileText, writeFile } from "./files";

/** Lets exactly the operators log in. */
export const access: Step<Wanted, { authorizedKeys: string | undefined }> = {
  name: "access",
  facts: ({ user }) => ({ authorizedKeys: fileText(pathOf(user)) }),
  plan({ user, authorizedKeys }, { authorizedKeys: found }) {
    if (authorizedKeys.length === 0)
      throw new UserError("no operator's public key is known: nobody could log in", "run make keypair");
    const content = authorizedKeys.map((key) => `${key}\n`).join("");
    return content === found ? [] : [writeFile(pathOf(user), content, { mode: "0600", owner: `${user}:`, found })];
  },
};

const pathOf = (user: string): string => (user === "root" ? "/root" : `/home/${user}`) + "/.ssh/authorized_keys";
