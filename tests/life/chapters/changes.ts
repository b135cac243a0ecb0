import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pinHost, readPins } from "../../../provision/link/known-hosts";
import { mainHost } from "../../../provision/link/main-host";
import { ROOT } from "../../../provision/deployment/paths";
import { Life, touched } from "../../support/life";
import { act } from "../../support/plans";
import { makeProxy } from "../../support/proxy";

/** Changed settings, and changes that are disturbed. */
export function changes(life: Life): void {
  test("a changed setting recreates only the service that uses it", async () => {
    const before = await life.trace();
    life.set({ parallelism: 7 });
    const plan = await life.run("plan");
    expect(plan.stdout).toMatch(/scheduler: recreated, changed: environment\.AIRFLOW__CORE__PARALLELISM\n/);
    expect(plan.stdout).toMatch(/triggerer: kept/);
    await life.make("provision");
    expect(touched(before, await life.trace())).toEqual(["scheduler"]);
    const said = await life.host("docker exec airflow-scheduler-1 airflow config get-value core parallelism");
    expect(said.trim().split("\n").at(-1)).toBe("7");
  });

  test("of two provisions at once one wins, and the other ends with 75 and names it; so does a backup beside them", async () => {
    life.set({ parallelism: 6 });
    const both = Promise.all([life.run("provision"), life.run("provision", { AIRFLOW_OPERATOR: "bob@elsewhere" })]);
    await life.changeRuns();
    const backup = await life.run("backup");
    const [ann, bob] = await both;
    expect([ann.code, bob.code].sort()).toEqual([0, 75]);
    const running = /error: another change is running on the host: provision by \S+@\S+ since \d{4}-\d\d-\d\dT/;
    expect(ann.code === 75 ? ann.text : bob.text).toMatch(running);
    expect(backup).toMatchObject({ code: 75, text: expect.stringMatching(running) });
  });

  test("a provision whose link is cut goes on, connects again and ends well", async () => {
    const { deployment } = life;
    const outputs = readFileSync(deployment.paths.outputs, "utf8");
    const host = mainHost(deployment);
    const proxy = await makeProxy(host.port);
    try {
      const keys = readPins(deployment).filter(({ id }) => id === host.id);
      pinHost(
        deployment,
        { ...host, port: proxy.port },
        keys.map(({ type, key }) => `${type} ${key}`),
      );
      writeFileSync(deployment.paths.outputs, outputs.replace(`"port": ${host.port}`, `"port": ${proxy.port}`));
      const before = await life.trace();
      life.set({ parallelism: 9 });
      const provision = life.start("provision");
      await provision.says(/switched to release/);
      proxy.shut();
      await provision.says(/lost the connection to .*: the change goes on there if the host is up; connecting again/);
      await sleep(2000);
      proxy.open();
      expect(await provision.ended).toMatchObject({ code: 0, text: expect.stringMatching(/Airflow is up/) });
      expect(touched(before, await life.trace())).toEqual(["scheduler"]);
    } finally {
      writeFileSync(deployment.paths.outputs, outputs);
      await proxy.close();
    }
  });

  test("a change goes on while Docker is restarted, and so do the containers", async () => {
    const before = await life.trace();
    const actions = [
      act("wait for the test", "until [ -e /run/life-go ]; do sleep 0.1; done"),
      act("wait for docker", "docker ps > /dev/null && rm /run/life-go"),
    ];
    const change = life.start(join(ROOT, "tests/support/change-client.ts"), { CHANGE: JSON.stringify(actions) });
    await life.changeRuns();
    await life.host("systemctl restart docker.service; systemctl is-active airflow-change.service; touch /run/life-go");
    expect(await change.ended).toMatchObject({ code: 0 });
    expect(touched(before, await life.trace())).toEqual([]);
    expect((await life.run("provision")).stdout).toBe("nothing to do\n");
  });

  test("a build on a full disk fails and says so; what runs goes on", async () => {
    const before = await life.trace();
    life.set({ requirements: ["cowsay==6.1"] });
    // Where Docker puts the layers that it is about to commit.
    const folder = "/var/lib/docker/image/overlay2/layerdb/tmp";
    await life.host(`mount -t tmpfs -o size=64k tmpfs ${folder}`);
    try {
      const { code, text } = await life.run("provision");
      expect({ code, text }).toMatchObject({ code: 1, text: expect.stringMatching(/no space left on device/i) });
      expect(text).toMatch(/error: "build the airflow image" failed on/);
    } finally {
      await life.host(`umount ${folder}`);
    }
    expect(touched(before, await life.trace())).toEqual([]);
    expect((await life.trace()).release).toBe(before.release);
    await life.make("status");
  });

  test("Ctrl-C during a build ends after it with 130; nothing was switched", async () => {
    const before = await life.trace();
    const provision = life.start("provision", { VERBOSE: "1" });
    await provision.says(/^ {4}#\d+ /m);
    provision.signal("SIGINT");
    await provision.says(/stopping after the current action/);
    expect(await provision.ended).toMatchObject({
      code: 130,
      text: expect.stringMatching(/error: stopped before ".*"\nhint: run the same verb again: it goes on from there/),
    });
    const after = await life.trace();
    expect(touched(before, after)).toEqual([]);
    expect(after.release).toBe(before.release);
  });

  test("the next run builds nothing again; its client is killed; it ends by itself, and the next verb says how", async () => {
    const provision = life.start("provision");
    await life.changeRuns();
    await provision.says(/switched to release/);
    expect(provision.text()).not.toMatch(/built/);
    provision.signal("SIGKILL");
    expect((await provision.ended).code).toBe(null);
    await life.changeEnds();
    const next = await life.run("provision");
    expect(next).toMatchObject({ code: 0, stdout: "nothing to do\n" });
    expect(next.text).toMatch(/the previous change \(provision by .* since .*Z\) ended well/);
    // The operator's package is there, and the database never noticed.
    await life.host("docker exec airflow-scheduler-1 python -c 'import cowsay'");
    await life.make("status");
  });

  test("a host whose /run is full says what helps, and keeps what it has", async () => {
    const before = await life.trace();
    await life.host(`chmod 700 /srv/airflow/logs
mount -o remount,size=$(($(df --output=used -B1 /run | tail -n 1) + 8192)) /run
dd if=/dev/zero of=/run/life-full bs=4k 2>/dev/null || true`);
    try {
      expect(await life.run("provision")).toMatchObject({
        code: 1,
        text: expect.stringMatching(
          /no space left.*\nhint: free some space on the host, then run the same verb again/i,
        ),
      });
    } finally {
      await life.host("rm -f /run/life-full; mount -o remount,size=50% /run");
    }
    expect(await life.host("ls -A /run/airflow-change; ls -d /srv/airflow/.incoming-* 2>/dev/null || true")).toBe("");
    expect(await life.trace()).toEqual(before);
    await life.make("provision");
  });
}
