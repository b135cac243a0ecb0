import type { PlannedResource } from "./terraform-json";
import table from "./prices.json";
import { AwsSettings } from "../deployment/aws-settings";

/** Prices in US dollars. A price that is not listed is unknown. */
export interface Prices {
  readonly asOf: string;
  readonly everywhere: { readonly publicIpv4PerHour: number; readonly keyPerMonth: number };
  readonly regions: Readonly<Record<string, RegionPrices | undefined>>;
}
interface RegionPrices {
  readonly gp3PerGiBMonth: number;
  readonly instancePerHour: Readonly<Record<string, number | undefined>>;
}

/** Hours in a month, as AWS's price calculator counts them. */
const HOURS = 730;

type Item = readonly [what: string, price: number | undefined];

/** The resources' fixed costs in US dollars a month; undefined if the price is not listed. */
function itemsOf(resources: readonly PlannedResource[], region: string, { everywhere, regions }: Prices): Item[] {
  const { gp3PerGiBMonth, instancePerHour = {} } = regions[region] ?? {};
  const disk = (GiB: number): number | undefined => gp3PerGiBMonth && gp3PerGiBMonth * GiB;
  const hourly = (price: number | undefined): number | undefined => price && price * HOURS;
  return resources.flatMap(({ type, values }): Item[] => {
    switch (type) {
      case "aws_instance":
        return [
          [values["instance_type"], hourly(instancePerHour[values["instance_type"]])],
          ["root disk", disk(values["root_block_device"][0].volume_size)],
        ];
      case "aws_ebs_volume":
        return [["data volume", disk(values["size"])]];
      case "aws_eip":
        return [["address", hourly(everywhere.publicIpv4PerHour)]];
      case "aws_kms_key":
        return [["key", everywhere.keyPerMonth]];
      default:
        return [];
    }
  });
}

const sum = (items: readonly Item[]): number => items.reduce((total, [, price = 0]) => total + price, 0);

/** One line: the resources' fixed costs a month, those whose price is unknown, and what depends on use. */
export function monthlyCost(resources: readonly PlannedResource[], region: string, prices: Prices = table): string {
  const items = itemsOf(resources, region, prices);
  const known = items.flatMap(([what, price]) => (price === undefined ? [] : [`${what} ${price.toFixed(2)}`]));
  const unknown = items.filter(([, price]) => price === undefined).map(([what]) => what);
  return [
    `costs ${sum(items).toFixed(2)} USD a month (${known.join(", ")}; prices of ${prices.asOf})`,
    ...(unknown.length > 0 ? [`price unknown in ${region}: ${unknown.join(", ")}`] : []),
    "plus, by use: snapshots, backups, logs, monitoring, traffic",
  ].join("; ");
}

/** A Markdown table: what a deployment with default disks costs on each instance type whose price is known. */
export function costTable(prices: Prices = table): string {
  const { rootGiB, dataGiB } = AwsSettings.parse({ account: "123456789012", region: "us-east-1" });
  const rest: PlannedResource[] = [
    { type: "aws_ebs_volume", values: { size: dataGiB } },
    { type: "aws_eip", values: {} },
    { type: "aws_kms_key", values: {} },
  ];
  const rows = Object.entries(prices.regions).flatMap(([region, { instancePerHour } = { instancePerHour: {} }]) =>
    Object.keys(instancePerHour).map((instance_type) => {
      const host = { type: "aws_instance", values: { instance_type, root_block_device: [{ volume_size: rootGiB }] } };
      const items = itemsOf([host, ...rest], region, prices);
      return `| ${region} | \`${instance_type}\` | ${items.map(([, price]) => price!.toFixed(2)).join(" | ")} | ${sum(items).toFixed(2)} |`;
    }),
  );
  return [
    `| region | host | host's price | root disk, ${rootGiB} GiB | data volume, ${dataGiB} GiB | address | key | USD a month (${prices.asOf}) |`,
    "|---|---|---|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}
