import { join } from "node:path";
import { ROOT } from "../../../provision/deployment/paths";
import { Life, pipe, text } from "../../support/life";

const SCRIPTS = ["supervisor_pause", "local_executor_mends", "idle_scheduler"];

/** What Airflow breaks by itself. */
const MENDS = [
  {
    words: "supervisor_pause wake_at_exit",
    promise: "a supervisor notices the end of a process whose sockets closed before",
  },
  {
    words: "local_executor_mends make_dispatch_certain long_tasks",
    promise: "while all workers run long tasks the scheduler goes on",
  },
  {
    words: "local_executor_mends make_dispatch_certain full_pipes",
    promise: "the scheduler goes on although workers wait until it reads their results",
  },
  {
    words: "local_executor_mends make_end_certain last_results",
    promise: "an executor ends although its last results fill their pipe",
  },
];

/** What the image's Airflow does with our mends and without them, in containers of their own. */
export function pauses(life: Life): void {
  /** A script of tests/life/airflow, and its words: which mend it leaves away, and where it looks. */
  const run = async (script: string, ...words: string[]): Promise<{ code: number | null; said: string[] }> => {
    const container = `docker run --rm -i --init --network none --pull never $(docker inspect --format '{{.Image}}' airflow-scheduler-1) python - ${words.join(" ")}`;
    const file = text(join(ROOT, "tests/life/airflow", `${script}.py`));
    const { code, stdout } = await pipe("docker", ["exec", "-i", life.hostName, "sh", "-c", container], file);
    return { code, said: stdout.split("\n").filter((line) => /^(ok|BROKEN) /.test(line)) };
  };

  test.each(SCRIPTS)("every promise of %s.py is kept in the image", async (script) => {
    const { code, said } = await run(script);
    expect(said.filter((line) => !line.startsWith("ok "))).toEqual([]);
    expect({ code, some: said.length > 3 }).toEqual({ code: 0, some: true });
  });

  test("all mends are in effect in the scheduler", async () => {
    expect(await life.host("docker logs airflow-scheduler-1 2>&1 | grep 'Left .* as it is' || true")).toBe("");
  });

  // One that holds without its mend: upstream has changed, and the mend can go.
  test.each(MENDS)("without its mend Airflow breaks it: $promise", async ({ words, promise }) => {
    const [script, ...rest] = words.split(" ");
    const { code, said } = await run(script!, ...rest);
    expect(code).not.toBe(0);
    expect(said.at(-1)).toBe(`BROKEN ${promise}`);
  });
}
