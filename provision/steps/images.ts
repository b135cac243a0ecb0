import { temporary } from "../change/places";
import { stable } from "../change/fact";
import type { Action, Step } from "../change/planning";
import { environment, sh } from "../base/shell";
import { RELEASES, Wanted } from "../release/wanted";

interface ImageFacts {
  /** Full names of those wanted images that are on the host. */
  readonly found: ReadonlySet<string>;
}

/** Builds the images on the host, from Debian's archive and PyPI. It pulls only an image that the deployment file names. */
export const images: Step<Wanted, ImageFacts> = {
  name: "images",
  facts: ({ images: { base, postgres, airflow } }) => ({
    found: stable(
      sh`for image in ${[base, postgres, airflow]}; do docker image inspect --format "$image {{.Id}}" "$image" 2>/dev/null; done; true`,
      ({ stdout }) => new Set([...stdout.matchAll(/^(\S+) /gm)].map(([, name]) => name!)),
    ),
  }),
  plan(wanted, { found }) {
    const { base, postgres, airflow } = wanted.images;
    const isReady = wanted.deployment.airflow.image !== undefined;
    const targets = [
      ...(found.has(postgres) ? [] : ["postgres"]),
      ...(found.has(airflow) || isReady ? [] : ["airflow"]),
    ];
    const actions: Action[] = [];
    if (isReady && !found.has(airflow)) {
      actions.push({
        summary: `install the image ${airflow}`,
        command: sh`docker pull --quiet ${airflow}`,
        detail: "it is not on the host",
      });
    }
    if (targets.length === 0) return actions;
    if (!found.has(base)) actions.push(buildBase(wanted));
    return [...actions, bake(wanted, targets)];
  },
};

const context = ({ release }: Wanted): string => `${RELEASES}/${release.digest}/images`;

const buildBase = (wanted: Wanted): Action => ({
  summary: "build the base image from Debian's archive",
  command: sh`${environment({ DATE: wanted.images.date, APT_MIRROR: wanted.deployment.build.aptMirror, http_proxy: wanted.deployment.build.proxy })} sh ${context(wanted)}/base.sh ${wanted.images.base}`,
  detail: `${wanted.images.base} is not on the host`,
});

/** Builds both images at once. The CA bundle comes in stdin and reaches the build as a secret, so it is in no layer. */
const bake = (wanted: Wanted, targets: readonly string[]): Action => ({
  summary: `build the ${targets.join(" and ")} image${targets.length > 1 ? "s" : ""}`,
  command: sh`umask 077
ca=${temporary("ca.pem")}
cat > "$ca"
[ -s "$ca" ] && export CA_BUNDLE="$ca"
cd ${context(wanted)}
${environment({
  BASE: wanted.images.base,
  POSTGRES_TAG: wanted.images.postgres,
  AIRFLOW_TAG: wanted.images.airflow,
  PIP_INDEX: wanted.deployment.build.pipIndex,
  PROXY: wanted.deployment.build.proxy,
})} docker buildx bake --file docker-bake.hcl --progress plain ${targets}`,
  stdin: wanted.caBundle ?? "",
  detail: targets
    .map((target) => `${target === "airflow" ? wanted.images.airflow : wanted.images.postgres} is not on the host`)
    .join("\n"),
});
