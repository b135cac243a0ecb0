import { keysOfConsole } from "../../provision/stacks/host-keys";

const ED = "AAAAC3NzaC1lZDI1NTE5AAAAIEg7Zb8zvjyZrMStLIqzqWjCaSzvBgM8JqXhRvzX7v1C";
const OTHER = "AAAAC3NzaC1lZDI1NTE5AAAAIEg7Zb8zvjyZrMStLIqzqWjCaSzvBgM8JqXhRvzX7v1D";
const begin = "-----BEGIN SSH HOST KEY KEYS-----";
const end = "-----END SSH HOST KEY KEYS-----";
const block = (...lines: string[]): string => [begin, ...lines, end].join("\n");

test.each<[string, string, string[]]>([
  ["an empty console", "", []],
  ["a console without keys", "[    0.0] Linux version 6.8", []],
  ["a block that has only begun", `${begin}\nssh-ed25519 ${ED} root@ip`, []],
  ["a block without a beginning", `ssh-ed25519 ${ED} root@ip\n${end}`, []],
  ["a block", block(`ssh-ed25519 ${ED} root@ip-10-20-0-5`), [`ssh-ed25519 ${ED}`]],
  [
    "a block without comments, with the console's line ends",
    block(`ssh-ed25519 ${ED}`).replace(/\n/g, "\r\n"),
    [`ssh-ed25519 ${ED}`],
  ],
  [
    "lines that carry a time and a kernel's message",
    block(`[   12.3] cloud-init[678]: ssh-ed25519 ${ED} root@ip`, "[   12.4] eth0: link up"),
    [`ssh-ed25519 ${ED}`],
  ],
  [
    "two boots: the newest counts",
    `${block(`ssh-ed25519 ${OTHER} a`)}\n${block(`ssh-ed25519 ${ED} b`)}`,
    [`ssh-ed25519 ${ED}`],
  ],
  [
    "a second block that is not whole yet",
    `${block(`ssh-ed25519 ${ED} b`)}\n${begin}\nssh-ed25519`,
    [`ssh-ed25519 ${ED}`],
  ],
  ["a key outside of the block", `ssh-ed25519 ${OTHER} x\n${block(`ssh-ed25519 ${ED} b`)}`, [`ssh-ed25519 ${ED}`]],
])("%s", (_what, console, keys) => {
  expect(keysOfConsole(console)).toEqual(keys);
});

test.each([
  ["no key at all", block("")],
  ["a key that was cut", block(`ssh-ed25519 ${ED.slice(0, 40)}`)],
  ["a key that says another type of itself", block(`ssh-rsa ${ED}`)],
])("a block with %s is refused", (_what, console) => {
  expect(() => keysOfConsole(console)).toThrow(/shows no valid SSH host key between cloud-init's marks/);
});
