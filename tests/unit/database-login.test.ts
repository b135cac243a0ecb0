import { createHash, createHmac } from "node:crypto";
import { databaseLoginsOf, databaseUrlOf, scramVerifier } from "../../provision/release/database-login";
import { SECRET_VALUES } from "../support/wanted";

test("a verifier fits the messages of RFC 7677's example", () => {
  const nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
  const salt = "W22ZaJ0SNY7soEsUEjb6gQ==";
  const messages = `n=user,r=rOprNGfwEbeRWgbNEkqO,r=${nonce},s=${salt},i=4096,c=biws,r=${nonce}`;
  const [, stored, server] = /^SCRAM-SHA-256\$4096:W22ZaJ0SNY7soEsUEjb6gQ==\$(\S+):(\S+)$/
    .exec(scramVerifier("pencil", Buffer.from(salt, "base64")))!
    .map((text) => Buffer.from(text, "base64"));
  const sign = (key: Buffer): Buffer => createHmac("sha256", key).update(messages).digest();
  expect(sign(server!).toString("base64")).toBe("6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
  const proof = Buffer.from("dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=", "base64");
  const clientKey = sign(stored!).map((byte, i) => byte ^ proof[i]!);
  expect(createHash("sha256").update(clientKey).digest()).toEqual(stored);
});

test("services use one of two roles; nobody can log in as the other", () => {
  const logins = databaseLoginsOf(SECRET_VALUES);
  expect(logins.map(({ role, verifier }) => [role, verifier?.startsWith("SCRAM-SHA-256$4096:")])).toEqual([
    ["airflow_a", true],
    ["airflow_b", undefined],
  ]);
  expect(databaseUrlOf(SECRET_VALUES)).toBe(
    `postgresql+psycopg2://airflow_a:${SECRET_VALUES.database_password}@postgres/airflow`,
  );
});

test("a verifier changes with the password, and is the same in every plan", () => {
  const of = (change: object): string | undefined => databaseLoginsOf({ ...SECRET_VALUES, ...change })[0]!.verifier;
  expect(of({})).toBe(of({}));
  expect(of({ database_password: "another".repeat(7) })).not.toBe(of({}));
});
