import { UserError } from "../../provision/errors";
import type { Host } from "../../provision/host";
import type { ConnectedHost } from "../../provision/ssh-host";
import { act, change } from "../support/plans";
import { SystemdHost, makeSystemdHost } from "../support/systemd-host";

let machine: SystemdHost;
let host: ConnectedHost;

beforeAll(async () => {
  machine = await makeSystemdHost();
  host = await machine.connect();
}, 120_000);
afterAll(() => {
  host?.close();
  machine?.remove();
}, 60_000);

/** The error that a change ends with. */
const errorOf = (work: Promise<unknown>): Promise<UserError> =>
  work.then(
    () => {
      throw new Error("it succeeded");
    },
    (error: unknown) => error as UserError,
  );

const did = (host: Host, ...commands: string[]) =>
  change(host, ...commands.map((command, i) => act(`make ${i}`, command)));

test("a change runs its actions in order, with their input, and leaves nothing in /run but its outcome", async () => {
  await change(host, act("make a", "cat > /root/a", { stdin: "hello" }), act("make b", "cp /root/a /root/b"));
  expect(machine.root("cat /root/b")).toBe("hello");
  expect(machine.root("ls -A /run/airflow-change; ls -d /run/airflow-facts.* 2>/dev/null || true")).toBe("");
});

test("an action that fails is the last one; the error has its last lines", async () => {
  const error = await errorOf(
    did(host, "touch /root/first", "echo why; false; touch /root/inside", "touch /root/last"),
  );
  expect(error).toMatchObject({ message: expect.stringMatching(/^"make 1" failed on .*\n {2}why$/) });
  expect(machine.root("cd /root; ls first inside last 2>/dev/null || true")).toBe("first\n");
});
