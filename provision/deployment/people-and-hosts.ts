import { z } from "zod";
import { operatorNetwork } from "./aws-settings";

/** A text of this form; the message says what it must be. */
export const text = (pattern: RegExp, message: string) => z.string().regex(pattern, message);

/** Somebody who may log in and read the secrets. */
export const operator = z.strictObject({
  name: text(/^[\p{L}\p{N}._@ -]{1,64}$/u, "must be 1 to 64 letters, digits, spaces and . _ @ -"),
  ssh: z.string().refine(isSshKey, "must be a public key on one line, as in ~/.ssh/id_ed25519.pub"),
  age: text(/^age1(pq1)?[02-9ac-hj-np-z]{58,}$/, "must be an age recipient (age1…), as `make keypair` prints it"),
  cidrs: z.array(operatorNetwork).max(20).optional(),
});

/** A machine that is there already. */
export const existingHost = z.strictObject({
  role: z.enum(["main"]).default("main"),
  address: text(/^[\w.:-]{1,253}$/, "must be a host name or an IP address"),
  port: z.int().min(1).max(65535).default(22),
  user: text(/^(?!root$)[a-z_][a-z0-9_-]{0,31}$/, "must be a user other than root, with passwordless sudo"),
  hostKey: z
    .string()
    .refine(isSshKey, "must be the host's public SSH key, as in /etc/ssh/ssh_host_ed25519_key.pub there"),
  data: text(
    /^\/(?!srv\/airflow(\/|$))[\w./:-]+$/,
    "must be the absolute path of a folder, or of a block device in /dev",
  ).optional(),
});

/** Whether this is a public key on one line, without options, whose blob has the same type as its first word. */
function isSshKey(value: string): boolean {
  const [, type, blob] = /^((?:sk-)?(?:ssh|ecdsa)-[\w.@-]+) ([A-Za-z0-9+/]+={0,3})(?: [^\n\r]*)?$/.exec(value) ?? [];
  if (!type || !blob) return false;
  const bytes = Buffer.from(blob, "base64");
  return (
    bytes.length > type.length + 4 &&
    bytes.readUInt32BE(0) === type.length &&
    bytes.toString("latin1", 4, 4 + type.length) === type
  );
}
