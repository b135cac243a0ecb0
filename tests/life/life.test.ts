import { Life } from "../support/life";
import { backup } from "./chapters/backup";
import { changes } from "./chapters/changes";
import { dags } from "./chapters/dags";
import { commands } from "./chapters/commands";
import { database } from "./chapters/database";
import { demo } from "./chapters/demo";
import { drift } from "./chapters/drift";
import { pauses } from "./chapters/pauses";
import { reboot } from "./chapters/reboot";
import { secrets } from "./chapters/secrets";
import { services } from "./chapters/services";
import { teardown } from "./chapters/teardown";
import { ui } from "./chapters/ui";

/** One host, from nothing to nothing: the chapters run in this order, and each leaves a healthy Airflow behind. */
const life = new Life();
jest.setTimeout(20 * 60_000);
afterAll(() => life.remove(), 5 * 60_000);

describe("demo", () => demo(life));

describe("with a host", () => {
  beforeEach(() => life.requireHost());
  describe("drift", () => drift(life));
  describe("changes", () => changes(life));
  describe("services", () => services(life));
  describe("dags", () => dags(life));
  describe("commands", () => commands(life));
  describe("pauses", () => pauses(life));
  describe("ui", () => ui(life));
  describe("database", () => database(life));
  describe("backup", () => backup(life));
  describe("secrets", () => secrets(life));
  describe("reboot", () => reboot(life));
});

describe("teardown", () => teardown(life));
