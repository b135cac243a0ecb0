import { join } from "node:path";
import { ROOT } from "../../../provision/deployment/paths";
import { Life, pipe, text } from "../../support/life";

/** A script of tests/life/airflow, and each mend that it can leave away: Airflow alone then breaks the first promise named. */
const SCRIPTS = [
  {
    script: "supervisor_pause",
    without: { pidfd: "a supervisor notices the end of a process whose sockets closed before" },
  },
  {
    script: "local_executor_mends",
    without: {
      dispatch: "while all workers run long tasks the scheduler goes on",
      end: "an executor ends although its last results fill their pipe",
    },
  },
];

/** What the image's Airflow does with our mends and without them, in containers of their own. */
export function pauses(life: Life): void {
  const run = async (script: string, without = ""): Promise<{ code: number | null; said: string[] }> => {
    const container = `docker run --rm -i --network none --pull never $(docker inspect --format '{{.Image}}' airflow-scheduler-1) python - ${without}`;
    const file = text(join(ROOT, "tests/life/airflow", `${script}.py`));
    const { code, stdout } = await pipe("docker", ["exec", "-i", life.hostName, "sh", "-c", container], file);
    return { code, said: stdout.split("\n").filter((line) => /^(ok|BROKEN) /.test(line)) };
  };

  test.each(SCRIPTS)("every promise of $script.py is kept in the image", async ({ script }) => {
    const { code, said } = await run(script);
    expect(said.filter((line) => !line.startsWith("ok "))).toEqual([]);
    expect({ code, some: said.length > 3 }).toEqual({ code: 0, some: true });
  });

  // One that holds without its mend: upstream has changed, and the mend can go.
  test.each(
    SCRIPTS.flatMap(({ script, without }) =>
      Object.entries(without).map(([mend, promise]) => ({ script, mend, promise })),
    ),
  )("without the mend of its $mend Airflow breaks it: $promise", async ({ script, mend, promise }) => {
    const { code, said } = await run(script, mend);
    expect(code).not.toBe(0);
    expect(said.at(-1)).toBe(`BROKEN ${promise}`);
  });
}
