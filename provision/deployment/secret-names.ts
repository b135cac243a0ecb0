import { createHmac, randomBytes, randomInt } from "node:crypto";

/** The secrets that Airflow and its database need. Other names in the file are the operator's own and are kept. */
export const SECRETS = {
  /** Encrypts connections and variables. Airflow takes a list, too; without a rotation of what it has encrypted, a second key is of no use. */
  fernet_key: {
    generate: () => `${randomBytes(32).toString("base64url")}=`,
    valid: /^[\w-]{43}=$/,
    must: "be one key: 32 bytes in url-safe base64 (44 characters, the last one =)",
  },
  jwt_secret: { generate: () => word(64), valid: /^[!-~]{32,}$/, must: "be at least 32 printable characters" },
  api_secret_key: { generate: () => word(43), valid: /^[!-~]{32,}$/, must: "be at least 32 printable characters" },
  database_password: {
    generate: () => word(32),
    valid: /^[\w.~-]{24,}$/,
    must: "be at least 24 letters, digits and _ . ~ -, because it becomes part of a URL",
  },
  admin_password: { generate: () => word(20), valid: /^[ -~]{8,}$/, must: "be at least 8 printable characters" },
  /** The key of the HMAC of secrets in the services' labels. */
  label_key: { generate: () => word(43), valid: /^[!-~]{32,}$/, must: "be at least 32 printable characters" },
} as const;
export type SecretName = keyof typeof SECRETS;
export const SECRET_NAMES = Object.keys(SECRETS) as readonly SecretName[];

export type Secrets = Readonly<Record<SecretName, string>> & Readonly<Record<string, string>>;

/** 16 hex digits that are equal for equal values of a secret and do not reveal the value. */
export const fingerprint = (name: string, value: string): string =>
  createHmac("sha256", `airflow-deployment ${name}`).update(value).digest("hex").slice(0, 16);

/** Letters and digits without look-alikes: safe in URLs, YAML and shells, and easy to type. */
const ALPHABET = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const word = (length: number): string => Array.from({ length }, () => ALPHABET[randomInt(ALPHABET.length)]).join("");
