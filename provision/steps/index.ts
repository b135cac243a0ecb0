import type { Step } from "../change/planning";
import type { Wanted } from "../release/wanted";
import { access } from "./access";
import { data } from "./data";
import { database } from "./database";
import { docker } from "./docker";
import { firewall } from "./firewall";
import { identity } from "./identity";
import { images } from "./images";
import { migrate } from "./migrate";
import { preflight } from "./preflight";
import { release } from "./release";
import { retire } from "./retire";
import { secrets } from "./secrets";
import { services } from "./services";
import { shutdown } from "./shutdown";
import { retireTaskRole, taskRole } from "./task-role";
import { updates } from "./updates";

/** The steps of `make provision`, in the order in which their actions run. */
export const steps: readonly Step<Wanted>[] = [
  preflight,
  identity,
  access,
  firewall,
  docker,
  data,
  release,
  images,
  database,
  secrets,
  taskRole,
  migrate,
  services,
  retire,
  retireTaskRole,
  shutdown,
  updates,
];
