import { Block, NESTING, Nested, Schemas } from "./bindings";
import replaceRules from "./replace.json";
import { Cloud, UNKNOWN_ID, invent, problemsOf, refusedDeletion } from "./rules";
import { DynamicValue, UNKNOWN, Values, read, write } from "./values";

/** A call by which terraform changed something. */
export interface Call {
  readonly action: "create" | "update" | "delete";
  readonly type: string;
  /** The resource after the call, or before it if the call deletes the resource. */
  readonly values: Values;
}

export interface FakeAws extends Cloud {
  readonly calls: Call[];
  /** Ids of resources that somebody has removed by hand. */
  readonly gone: Set<string>;
  /** Says why a call fails; undefined if it succeeds. */
  fail?: (call: Call) => string | undefined;
  /** A call ends when this does. */
  take?: (call: Call) => Promise<void>;
}

const REPLACE: Record<string, readonly string[]> = replaceRules;
const error = (summary: string) => ({ severity: 1, summary });

/** Optional attributes that AWS fills in: the bindings do not say which ones it fills in and which stay empty. */
const FILLED = [
  "id",
  "arn",
  "public_ip",
  "private_ip",
  "allocation_id",
  "association_id",
  "tags_all",
  "availability_zone",
];

/** The provider's half of plugin protocol 5. */
export function handlers(
  aws: FakeAws,
  { provider, resources, sources }: Schemas,
): Record<string, (request: any) => object> {
  const check = (type: string, block: Block, value: DynamicValue, isPlan: boolean) => ({
    diagnostics: problemsOf(type, block, read(value))
      .filter((problem) => !isPlan || !problem.endsWith(UNKNOWN_ID))
      .map(error),
  });
  return {
    GetSchema: () => {
      const all = (blocks: Record<string, Block>) =>
        Object.fromEntries(Object.entries(blocks).map(([type, block]) => [type, { block: wire(block) }]));
      return {
        provider: { block: wire(provider) },
        resource_schemas: all(resources),
        data_source_schemas: all(sources),
      };
    },
    PrepareProviderConfig: ({ config }) => ({ prepared_config: config }),
    ValidateResourceTypeConfig: ({ type_name, config }) => check(type_name, resources[type_name]!, config, true),
    ValidateDataSourceConfig: ({ type_name, config }) => check(type_name, sources[type_name]!, config, true),
    Configure: ({ config }) => {
      const { allowed_account_ids: allowed, region } = read(config)!;
      if (allowed && !allowed.includes(aws.account)) {
        return { diagnostics: [error(`AWS account ID not allowed: ${aws.account}`)] };
      }
      return region === aws.region ? {} : { diagnostics: [error(`the fake AWS is in ${aws.region}, not ${region}`)] };
    },
    UpgradeResourceState: ({ raw_state }) => ({ upgraded_state: { json: raw_state.json } }),
    ReadResource: ({ current_state, private: kept }) =>
      aws.gone.has(read(current_state)?.["id"])
        ? { new_state: write(null) }
        : { new_state: current_state, private: kept },
    PlanResourceChange: ({ type_name, prior_state, proposed_new_state, config, prior_private }) => {
      const proposed = read(proposed_new_state);
      if (proposed === null) return { planned_state: proposed_new_state };
      const prior = read(prior_state);
      const next = planned(resources[type_name]!, read(config), proposed, prior, namesIn(prior_private));
      return {
        planned_state: write(next),
        planned_private: prior_private,
        legacy_type_system: true,
        requires_replace: prior ? replacing(type_name, next, prior) : [],
      };
    },
    ApplyResourceChange: async ({ type_name, prior_state, planned_state, planned_private }) => {
      const [prior, wanted] = [read(prior_state), read(planned_state)];
      const block = resources[type_name]!;
      const filled = namesIn(planned_private);
      const values = wanted && fill(aws, type_name, block, wanted, filled);
      const call: Call = {
        action: !values ? "delete" : prior ? "update" : "create",
        type: type_name,
        values: values ?? prior!,
      };
      const problems = [
        ...problemsOf(type_name, block, wanted),
        ...(values ? [] : refusedDeletion(type_name, prior!)),
        ...[aws.fail?.(call) ?? []].flat(),
      ];
      if (problems.length > 0)
        return { new_state: prior_state, private: planned_private, diagnostics: problems.map(error) };
      await aws.take?.(call);
      aws.calls.push(call);
      return { new_state: write(values), private: Buffer.from(JSON.stringify(filled)), legacy_type_system: true };
    },
    ReadDataSource: ({ type_name, config }) => {
      const [block, given] = [sources[type_name]!, read(config)!];
      return { state: write(fill(aws, type_name, block, planned(block, given, given, null, []), [])) };
    },
    Stop: () => ({}),
  };
}

const wire = ({ attributes, blocks }: Block): object => ({
  attributes: Object.entries(attributes).map(([name, { type, ...flags }]) => ({
    ...flags,
    name,
    type: Buffer.from(JSON.stringify(type)),
  })),
  block_types: Object.entries(blocks).map(([type_name, { nesting, min, max, block }]) => ({
    type_name,
    nesting,
    min_items: min,
    max_items: max,
    block: wire(block),
  })),
});

/** The names of the attributes that this provider has filled in: terraform keeps them beside the state. */
const namesIn = (bytes?: Uint8Array): string[] => (bytes?.length ? JSON.parse(Buffer.from(bytes).toString()) : []);

/** Plans a resource: values that AWS fills in are unknown at first and then stay; values that the operator removed go. */
function planned(
  block: Block,
  given: Values | null,
  proposed: Values,
  prior: Values | null,
  filled: readonly string[],
  at = "",
): Values {
  const next: Values = { ...proposed };
  for (const [name, { computed, optional }] of Object.entries(block.attributes)) {
    if (!computed || (given?.[name] ?? null) !== null) continue;
    const isOurs = !optional || (!at && FILLED.includes(name));
    if (prior) next[name] = filled.includes(at + name) ? (prior[name] ?? null) : null;
    else next[name] = isOurs ? UNKNOWN : null;
  }
  eachBlock(block, next, (name, nested, value, i) =>
    planned(nested.block, given?.[name]?.[i] ?? null, value, prior?.[name]?.[i] ?? null, filled, `${at}${name}.`),
  );
  return next;
}

/** Replaces unknown values by values that AWS could give, and adds their names to `filled`. */
function fill(aws: FakeAws, type: string, block: Block, values: Values, filled: string[], at = ""): Values {
  const next: Values = { ...values };
  for (const [name, attribute] of Object.entries(block.attributes)) {
    if (next[name] !== UNKNOWN) continue;
    next[name] = invent(aws, type, name, attribute.type);
    filled.push(at + name);
  }
  eachBlock(block, next, (name, nested, value) => fill(aws, type, nested.block, value, filled, `${at}${name}.`));
  return next;
}

function eachBlock(
  { blocks }: Block,
  values: Values,
  change: (name: string, nested: Nested, value: Values, i: number) => Values,
): void {
  for (const [name, nested] of Object.entries(blocks)) {
    const value = values[name];
    if (Array.isArray(value)) values[name] = value.map((each: Values, i) => change(name, nested, each, i));
    else if (value && value !== UNKNOWN && nested.nesting === NESTING.single)
      values[name] = change(name, nested, value, 0);
  }
}

/** The changed paths that make terraform replace a resource: `ami`, `root_block_device.kms_key_id`. Only the first of several nested blocks is compared. */
function replacing(type: string, next: Values, prior: Values): object[] {
  const valueAt = (values: Values, path: readonly string[]): unknown =>
    path.reduce((at: any, name, i) => (i === 0 ? at : at?.[0])?.[name], values);
  return (REPLACE[type] ?? [])
    .map((path) => path.split("."))
    .filter((path) => JSON.stringify(valueAt(next, path)) !== JSON.stringify(valueAt(prior, path)))
    .map((path) => ({
      steps: path.flatMap((attribute_name, i) => [...(i === 0 ? [] : [{ element_key_int: 0 }]), { attribute_name }]),
    }));
}
