import { createHash, createHmac, pbkdf2Sync } from "node:crypto";
import type { Secrets } from "../deployment/secret-names";
import type { DatabaseLogin } from "./wanted";

/** The role that the services use. */
const USED = "airflow_a";

/** There are two, so that a new password can be brought to one service after the other while the old one still works. */
export const databaseLoginsOf = ({ database_password, label_key }: Secrets): DatabaseLogin[] =>
  ["airflow_a", "airflow_b"].map((role) => ({
    role,
    verifier: role === USED ? scramVerifier(database_password, saltOf(label_key, role)) : undefined,
  }));

export const databaseUrlOf = ({ database_password }: Secrets): string =>
  `postgresql+psycopg2://${USED}:${database_password}@postgres/airflow`;

/** Always the same for the same secrets, so that a plan can tell whether the host has the wanted password. */
const saltOf = (key: string, role: string): Buffer =>
  createHmac("sha256", key).update(`salt of ${role}`).digest().subarray(0, 16);

const ITERATIONS = 4096;

/**
 * Postgres' form of a password for SCRAM-SHA-256 (RFC 5803): `SCRAM-SHA-256$<iterations>:<salt>$<stored key>:<server key>`.
 * So Postgres never sees the password itself, and cannot log it. @param password letters of ASCII only
 */
export function scramVerifier(password: string, salt: Buffer): string {
  const salted = pbkdf2Sync(password, salt, ITERATIONS, 32, "sha256");
  const key = (name: string): Buffer => createHmac("sha256", salted).update(name).digest();
  const stored = createHash("sha256").update(key("Client Key")).digest("base64");
  return `SCRAM-SHA-256$${ITERATIONS}:${salt.toString("base64")}$${stored}:${key("Server Key").toString("base64")}`;
}
