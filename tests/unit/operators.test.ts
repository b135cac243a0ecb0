import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Deployment } from "../../provision/deployment/deployment";
import { authorizedKeys } from "../../provision/deployment/operators";

const root = mkdtempSync(join(tmpdir(), "operators-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A deployment with these operators' keys; `own` is what `make keypair` left on this machine. */
function deployment(own: string | undefined, ...keys: string[]): Deployment {
  const folder = mkdtempSync(join(root, "x-"));
  mkdirSync(join(folder, "keys"));
  if (own) writeFileSync(join(folder, "keys/ssh.pub"), `${own}\n`);
  const operators = keys.map((ssh, i) => ({ name: `operator ${i}`, ssh, age: "age1" }));
  return { name: "shop", operators, paths: { sshKey: join(folder, "keys/ssh") } } as unknown as Deployment;
}

test("whoever made the keys logs in, if there are no operators", () => {
  expect(authorizedKeys(deployment("ssh-ed25519 AAAA me"))).toEqual(["ssh-ed25519 AAAA me"]);
  expect(authorizedKeys(deployment(undefined))).toEqual([]);
});
test("exactly the operators log in, if there are some, each under the name in the deployment file", () => {
  expect(authorizedKeys(deployment(undefined, "ssh-ed25519 AAAA ann", " ssh-ed25519 BBBB bob "))).toEqual([
    "ssh-ed25519 AAAA operator 0",
    "ssh-ed25519 BBBB operator 1",
  ]);
});
test("a key is the same with another comment", () => {
  expect(authorizedKeys(deployment("ssh-ed25519 AAAA me@laptop", "ssh-ed25519 AAAA ann"))).toEqual([
    "ssh-ed25519 AAAA operator 0",
  ]);
});
test("nobody locks himself out", () => {
  expect(() => authorizedKeys(deployment("ssh-ed25519 CCCC me", "ssh-ed25519 AAAA ann"))).toThrow(
    "your own SSH key is not among `operators`: you would lock yourself out",
  );
});
