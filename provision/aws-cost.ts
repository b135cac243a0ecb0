import table from "./aws-prices.json";

/** US dollars; of whatever is not listed the price is unknown. */
export interface Prices {
  readonly asOf: string;
  readonly everywhere: { readonly publicIpv4PerHour: number; readonly keyPerMonth: number };
  readonly regions: Readonly<Record<string, RegionPrices | undefined>>;
}
interface RegionPrices {
  readonly gp3PerGiBMonth: number;
  readonly instancePerHour: Readonly<Record<string, number | undefined>>;
}

/** A resource as Terraform plans it. */
export interface PlannedResource {
  readonly type: string;
  readonly values: Readonly<Record<string, any>>;
}

/** AWS's own month. */
const HOURS = 730;

/** One line: what the resources cost a month by themselves, what is not known, and what depends on use. */
export function monthlyCost(resources: readonly PlannedResource[], region: string, prices: Prices = table): string {
  const { everywhere, regions } = prices;
  const { gp3PerGiBMonth, instancePerHour = {} } = regions[region] ?? {};
  const disk = (GiB: number): number | undefined => gp3PerGiBMonth && gp3PerGiBMonth * GiB;
  const hourly = (price: number | undefined): number | undefined => price && price * HOURS;
  const items = resources.flatMap(({ type, values }): [what: string, price: number | undefined][] => {
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
  const known = items.filter(([, price]) => price !== undefined) as [string, number][];
  const unknown = items.filter(([, price]) => price === undefined).map(([what]) => what);
  const total = known.reduce((sum, [, price]) => sum + price, 0);
  return [
    `costs ${total.toFixed(2)} USD a month (${known.map(([what, price]) => `${what} ${price.toFixed(2)}`).join(", ")}; prices of ${prices.asOf})`,
    ...(unknown.length > 0 ? [`unknown in ${region}: ${unknown.join(", ")}`] : []),
    "by use: snapshots, backups, logs, monitoring, traffic",
  ].join("; ");
}
