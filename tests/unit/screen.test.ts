import { makeScreen } from "../../provision/base/screen";

/** What a screen writes; `isTTY` decides whether it shows a status line. */
async function shown(isTTY: boolean, use: (screen: ReturnType<typeof makeScreen>) => void): Promise<string[]> {
  const written: string[] = [];
  const was = Object.getOwnPropertyDescriptor(process.stderr, "isTTY");
  Object.defineProperty(process.stderr, "isTTY", { value: isTTY, configurable: true });
  const spies = (["stdout", "stderr"] as const).map((name) =>
    jest.spyOn(process[name], "write").mockImplementation((text) => (written.push(`${name}: ${String(text)}`), true)),
  );
  try {
    use(makeScreen());
  } finally {
    spies.forEach((spy) => spy.mockRestore());
    if (was) Object.defineProperty(process.stderr, "isTTY", was);
    else delete (process.stderr as { isTTY?: boolean }).isTTY;
  }
  return written;
}

const NASTY = "a\u001b]0;title\u0007\u001b[2Jb\u202ec\rd";

test("whatever is shown loses what drives a terminal", async () => {
  const written = await shown(true, (screen) => {
    screen.print(NASTY);
    screen.say(NASTY);
    screen.status(NASTY);
    screen.clearStatus();
    screen.output().write(NASTY);
    screen.errors().write(NASTY);
  });
  const texts = written.map((line) => line.replace(/^\w+: /, "")).filter((text) => text !== "\r\u001b[K");
  // Standard output is no terminal here: what it gets may be a file's, and keeps its marks of direction.
  const [status, output, errors] = ["a]0;titlebcd", "a]0;titleb\u202ecd", "a]0;titlebcd"];
  expect(texts).toEqual(["a]0;titlebcd\n", "a]0;titlebcd\n", status, output, errors]);
});

test("a character that arrives in two pieces is shown whole", async () => {
  const [first, second] = [Buffer.from("é").subarray(0, 1), Buffer.from("é").subarray(1)];
  expect(
    await shown(false, (screen) => {
      const output = screen.output();
      output.write(first);
      output.write(second);
    }),
  ).toEqual(["stdout: ", "stdout: é"]);
});

test("results go to standard output, progress to standard error, a status nowhere but on a terminal", async () => {
  const use = (screen: ReturnType<typeof makeScreen>): void => {
    screen.status("waiting");
    screen.say("done");
    screen.print("result");
  };
  expect(await shown(false, use)).toEqual(["stderr: done\n", "stdout: result\n"]);
  expect(await shown(true, use)).toEqual([
    "stderr: waiting",
    "stderr: \r\u001b[K",
    "stderr: done\n",
    "stdout: result\n",
  ]);
});

test("an error at the end leaves no status line of a part", async () => {
  const written = await shown(true, (screen) => {
    screen.part("main").status("install docker");
    screen.clearStatus();
    screen.say("error: x");
  });
  expect(written.slice(1)).toEqual(["stderr: \r\u001b[K", "stderr: error: x\n"]);
});

test("hosts that are worked on side by side share one screen: every line says whose it is, and no status is lost", async () => {
  const written = await shown(true, (screen) => {
    const [a, b] = [screen.part("main"), screen.part("worker-1")];
    a.status("install docker");
    b.status("build");
    a.say("installed docker\nand more");
    b.clearStatus();
  });
  expect(written).toEqual([
    "stderr: main: install docker",
    "stderr: \r\u001b[K",
    "stderr: main: install docker · worker-1: build",
    "stderr: \r\u001b[K",
    "stderr: main: installed docker\nmain: and more\n",
    "stderr: worker-1: build",
    "stderr: \r\u001b[K",
  ]);
});
