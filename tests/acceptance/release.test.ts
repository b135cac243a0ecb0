import { planHost } from "../../provision/change/change-host";
import { mainHost } from "../../provision/link/main-host";
import { prepare } from "../../provision/release/make-wanted";
import { sh } from "../../provision/base/shell";
import { steps } from "../../provision/steps";
import { CURRENT } from "../../provision/release/wanted";
import { runningDeployment } from "../support/running-deployment";
import { context } from "../support/context";

const running = runningDeployment();
const wanted = () => prepare(running.deployment, running.secrets, mainHost(running.deployment));

test("the release that runs is the one that templates/ and the deployment file make", async () => {
  expect((await running.root(sh`basename "$(readlink ${CURRENT})"`)).trim()).toBe(wanted().release.digest);
});

test("nothing has drifted: make provision would find nothing to do", async () => {
  const { plan } = await planHost(context, running.host, steps, wanted());
  expect(plan.flatMap(({ actions }) => actions.map(({ summary }) => summary))).toEqual([]);
});

test("every service runs, in the image of the release", async () => {
  const { images } = wanted();
  const services = await running.root(
    sh`docker ps --filter label=com.docker.compose.project=airflow --filter label=com.docker.compose.oneoff=False --format '{{.Label "com.docker.compose.service"}} {{.Image}}'`,
  );
  expect(services.trim().split("\n").sort()).toEqual([
    `api-server ${images.airflow}`,
    `dag-processor ${images.airflow}`,
    `postgres ${images.postgres}`,
    `scheduler ${images.airflow}`,
    `triggerer ${images.airflow}`,
  ]);
});
