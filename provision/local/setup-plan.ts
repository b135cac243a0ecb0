import { UserError } from "../base/errors";

/** What `make setup` looks at. */
export interface Machine {
  /** ID and ID_LIKE of /etc/os-release. */
  readonly systems: readonly string[];
  readonly isRoot: boolean;
  readonly hasSystemd: boolean;
  /** An engine answers. */
  readonly dockerAnswers: boolean;
  /** Docker's own packages are installed: Debian's must not come beside them. */
  readonly hasDockerCe: boolean;
  /** Programs that were found. */
  readonly programs: ReadonlySet<string>;
}

export interface SetupAction {
  readonly summary: string;
  readonly kind: "install" | "start-service" | "start-by-hand";
  readonly packages?: readonly string[];
}

export const PROGRAMS = ["docker", "dockerd", "iptables", "mmdebstrap", "ssh", "ssh-keygen", "terraform"] as const;

/** What is missing on this machine, in order. Throws a UserError for what only the operator can install. */
export function planSetup(machine: Machine): SetupAction[] {
  const { dockerAnswers, isRoot, programs, hasSystemd } = machine;
  const lacks = (program: (typeof PROGRAMS)[number]): boolean => !programs.has(program);
  if (lacks("terraform")) {
    throw new UserError("terraform is not installed", "https://developer.hashicorp.com/terraform/install");
  }
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
    if (!isDebian) throw new UserError(missing, "only Debian and Ubuntu are set up: install and start it yourself");
    if (!isRoot) throw new UserError(missing, "run make setup as root, or join the group docker where it is installed");
    if (needsEngine && machine.hasDockerCe) {
      throw new UserError(
        missing,
        "docker-ce is installed here without its engine: mend that, nothing is put beside it",
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
