import { makeScreen } from "../../provision/base/screen";

/** What a screen writes; `isTTY` decides whether it shows a status line. */
async function shown(
  isTTY: boolean,
  use: (screen: ReturnType<typeof makeScreen>) => void,
  env: Record<string, string> = { NO_COLOR: "1" },
): Promise<string[]> {
  const written: string[] = [];
  const before = { ...process.env };
  Object.assign(process.env, env);
  const was = Object.getOwnPropertyDescriptor(process.stderr, "isTTY");
  Object.defineProperty(process.stderr, "isTTY", { value: isTTY, configurable: true });
  const spies = (["stdout", "stderr"] as const).map((name) =>
    jest.spyOn(process[name], "write").mockImplementation((text) => (written.push(`${name}: ${String(text)}`), true)),
  );
  try {
    use(makeScreen());
  } finally {
    spies.forEach((spy) => spy.mockRestore());
    for (const name of Object.keys(env)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
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

describe("colours", () => {
  const use = (screen: ReturnType<typeof makeScreen>): void => {
    screen.say("error: disk full");
    screen.advise("hint: free some");
    screen.say("  + a key");
    screen.say("        -old");
    screen.say("         - a list in a diff's context");
  };
  const plain = [
    "stderr: error: disk full\n",
    "stderr: hint: free some\n",
    "stderr:   + a key\n",
    "stderr:         -old\n",
    "stderr:          - a list in a diff's context\n",
  ];
  const coloured = [
    "stderr: \u001b[1m\u001b[31merror:\u001b[39m\u001b[22m disk full\n",
    "stderr: \u001b[36mhint:\u001b[39m free some\n",
    "stderr: \u001b[32m  + a key\u001b[39m\n",
    "stderr: \u001b[31m        -old\u001b[39m\n",
    "stderr:          - a list in a diff's context\n",
  ];
  test.each<[what: string, isTTY: boolean, env: Record<string, string>, expected: string[]]>([
    ["on a terminal", true, { NO_COLOR: "", FORCE_COLOR: "", TERM: "xterm" }, coloured],
    ["not in a pipe", false, { NO_COLOR: "", FORCE_COLOR: "" }, plain],
    ["not with NO_COLOR", true, { NO_COLOR: "1", FORCE_COLOR: "1", TERM: "xterm" }, plain],
    ["in a pipe with FORCE_COLOR", false, { NO_COLOR: "", FORCE_COLOR: "1" }, coloured],
    ["not on a terminal that knows none", true, { NO_COLOR: "", FORCE_COLOR: "", TERM: "dumb" }, plain],
  ])("%s", async (_what, isTTY, env, expected) => expect(await shown(isTTY, use, env)).toEqual(expected));

  test("what a host sends brings no colours of its own", async () => {
    const env = { NO_COLOR: "", FORCE_COLOR: "1" };
    expect(await shown(false, (screen) => screen.print("\u001b[31mred\u001b[0m"), env)).toEqual(["stdout: red\n"]);
  });
});

test("a status line tells for how long it has been true, and what is being done; its clock ends with it", async () => {
  jest.useFakeTimers();
  try {
    const written = await shown(true, (screen) => {
      screen.status("building");
      jest.advanceTimersByTime(3000);
      screen.status("building", "step 2");
      screen.status("packing");
      screen.clearStatus();
      jest.advanceTimersByTime(3000);
    });
    const lines = written.map((text) => text.slice("stderr: ".length)).filter((text) => text !== "\r\u001b[K");
    expect(lines).toEqual([
      ...["building", "building", "building 2 s", "building 3 s"],
      ...["building 3 s · step 2", "packing"],
    ]);
    expect(jest.getTimerCount()).toBe(0);
  } finally {
    jest.useRealTimers();
  }
});
