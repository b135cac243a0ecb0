import { UserError } from "../base/errors";

/** What `make setup` reads of this machine. */
export interface Machine {
  /** ID and ID_LIKE of /etc/os-release. */
  readonly systems: readonly string[];
  readonly isRoot: boolean;
  readonly hasSystemd: boolean;
  /** A Docker engine answers. */
  readonly dockerAnswers: boolean;
  /** Docker's own packages are installed: Debian's docker.io must not be installed beside them. */
  readonly hasDockerCe: boolean;
  /** Those of PROGRAMS that were found. */
  readonly programs: ReadonlySet<string>;
}

export interface SetupAction {
  readonly summary: string;
  readonly kind: "install" | "start-service" | "start-by-hand";
  readonly packages?: readonly string[];
}

export const PROGRAMS = ["docker", "dockerd", "iptables", "mmdebstrap", "ssh", "ssh-keygen"] as const;

/** The actions that install and start what is missing. @throws UserError if only the operator can do that */
export function planSetup(machine: Machine): SetupAction[] {
  const { dockerAnswers, isRoot, programs, hasSystemd } = machine;
  const lacks = (program: (typeof PROGRAMS)[number]): boolean => !programs.has(program);
  const isDebian = machine.systems.some((system) => ["debian", "ubuntu"].includes(system));
  const needsEngine = !dockerAnswers && (lacks("dockerd") || lacks("docker"));
  const packages = [
    ...(needsEngine ? ["docker.io"] : []),
    ...(!dockerAnswers && lacks("iptables") ? ["iptables"] : []),
    ...(isDebian && isRoot && lacks("mmdebstrap") ? ["mmdebstrap"] : []),
    ...(lacks("ssh") || lacks("ssh-keygen") ? ["openssh-client"] : []),
  ];
  if (!dockerAnswers || packages.length > 0) {
    const missing = dockerAnswers ? `missing: ${packages.join(", ")}` : "Docker does not answer (docker version)";
    if (!isDebian)
      throw new UserError(missing, "make setup knows only Debian and Ubuntu: install and start it yourself");
    if (!isRoot)
      throw new UserError(missing, "run make setup as root, or join the group docker if Docker is installed");
    if (needsEngine && machine.hasDockerCe) {
      throw new UserError(
        missing,
        "docker-ce is installed without its engine: install that too; make setup does not put docker.io beside it",
      );
    }
  }
  return [
    ...(packages.length > 0
      ? [{ kind: "install" as const, packages, summary: `install ${packages.join(", ")} with apt` }]
      : []),
    ...(dockerAnswers
      ? []
      : [
          hasSystemd
            ? { kind: "start-service" as const, summary: "start Docker, now and at every boot" }
            : { kind: "start-by-hand" as const, summary: "start dockerd (there is no systemd here)" },
        ]),
  ];
}
