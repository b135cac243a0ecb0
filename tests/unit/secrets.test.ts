import { SECRETS, SECRET_NAMES, fingerprint } from "../../provision/deployment/secret-names";
import { complete, parseSecrets } from "../../provision/deployment/secrets-text";

const parse = (text: string) => parseSecrets("x.age", text);

test.each(SECRET_NAMES)("a generated %s is valid, and never the same twice", (name) => {
  const values = Array.from({ length: 50 }, () => SECRETS[name].generate());
  for (const value of values) expect(value).toMatch(SECRETS[name].valid);
  expect(new Set(values).size).toBe(50);
});
test("a generated Fernet key is 32 bytes", () =>
  expect(Buffer.from(SECRETS.fernet_key.generate(), "base64url")).toHaveLength(32));

test("what is missing is generated; entries and comments of the operator stay", () => {
  const { text, created } = complete("# from the vault\nsmtp_password: 0123\nadmin_password: yes yes yes # mine\n");
  expect(created).toEqual(SECRET_NAMES.filter((name) => name !== "admin_password"));
  expect(text).toContain("# from the vault\nsmtp_password: 0123\nadmin_password: yes yes yes # mine\n");
  expect(parse(text)).toMatchObject({ smtp_password: "0123", admin_password: "yes yes yes" });
  expect(complete(text)).toEqual({ text, created: [] });
});
test("an empty text gets all of them", () => expect(Object.keys(parse(complete("").text))).toEqual(SECRET_NAMES));
test("every value is a text, a block of lines too", () => {
  expect(parse("a: 007\nb: true\nc: |\n  x\n  y\nd: 'null'\n")).toEqual({
    a: "007",
    b: "true",
    c: "x\ny\n",
    d: "null",
  });
});

test.each([
  ["- Hunter2", "must be a map"],
  ["Hunter2", "must be a map"],
  ["a: Hunter2\n  b: [", "not YAML"],
  ["a: Hunter2: x", "line 1: not YAML"],
  ["a: x\na: Hunter2", "line 2: not YAML (DUPLICATE_KEY)"],
  ["Hunter2: x", "line 1: a name must be lower-case letters"],
  ["a:\n  b: Hunter2", "line 1: a must be a single text"],
  ["a: [Hunter2]", "line 1: a must be a single text"],
  ["a: *Hunter2", "line 1: a must be a single text"],
  ["jwt_secret:", "jwt_secret is empty"],
  ["x: y\njwt_secret: Hunter2", "line 2: jwt_secret must be at least 32"],
  ["fernet_key: Hunter2", "fernet_key must be one key: 32 bytes"],
  [`fernet_key: ${"Hunter2".padEnd(43, "x")}=,${"x".repeat(43)}=`, "fernet_key must be one key: 32 bytes"],
  ["database_password: Hunter2@Hunter2@Hunter2@Hunter2", "database_password must be at least 24"],
  ["x: &Hunter2 y\nz: 1\n---\nHunter2: 1", "not YAML"],
])("%j: %s, with no secret repeated", (text, problem) => {
  expect(() => parse(text)).toThrow(problem);
  expect(() => parse(text)).not.toThrow("Hunter2");
});

test("a fingerprint tells two values apart and depends on the secret's name", () => {
  expect(fingerprint("fernet_key", "a")).toMatch(/^[0-9a-f]{16}$/);
  expect(fingerprint("fernet_key", "a")).toBe(fingerprint("fernet_key", "a"));
  expect(fingerprint("fernet_key", "a")).not.toBe(fingerprint("fernet_key", "b"));
  expect(fingerprint("fernet_key", "a")).not.toBe(fingerprint("jwt_secret", "a"));
});
