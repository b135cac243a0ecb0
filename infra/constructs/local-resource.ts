import type { Construct } from "constructs";
import { DataResource, LocalExecProvisioner, escaped } from "../cdktf";

export interface LocalResourceProps {
  /** Directory of the scripts, relative to the stack's. */
  readonly scripts: string;
  /** Made again when one of these changes; both scripts get them as their environment, the destroying one as they were. */
  readonly identity: Record<string, string>;
  readonly create: string;
  /** @default nothing is done */
  readonly destroy?: string;
  /** More of the creating script's environment; a change of it changes nothing that exists. */
  readonly environment?: Record<string, string>;
  readonly dependsOn?: readonly LocalResource[];
  /** What `make plan` calls it. */
  readonly summary: string;
  /** What `make plan` says is done to it. @default Terraform's own word: create, replace, … */
  readonly verb?: string;
}

/** A thing on this machine, made and removed by scripts: real Terraform, with no provider to download. */
export class LocalResource extends DataResource {
  constructor(scope: Construct, id: string, props: LocalResourceProps) {
    const { scripts, identity, create, destroy, environment = {} } = props;
    const remembered = Object.fromEntries(Object.keys(identity).map((key) => [key, `\${self.output.${key}}`]));
    const provisioners: LocalExecProvisioner[] = [
      {
        type: "local-exec",
        workingDir: scripts,
        command: `sh ${create}`,
        environment: { ...escapedAll(environment), ...escapedAll(identity) },
      },
    ];
    // Only `self` is known when a resource is destroyed, hence the copy of its identity in its output.
    if (destroy) {
      provisioners.push({
        type: "local-exec",
        workingDir: scripts,
        command: `sh ${destroy}`,
        environment: remembered,
        when: "destroy",
      });
    }
    super(scope, id, {
      input: escapedAll(identity),
      triggersReplace: escapedAll(identity),
      provisioners,
      dependsOn: [...(props.dependsOn ?? [])],
    });
    this.addOverride("//.summary", props.summary);
    if (props.verb) this.addOverride("//.verb", props.verb);
  }
}

const escapedAll = (texts: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, escaped(text)]));
