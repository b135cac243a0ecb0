import { ExtensionCodec, decode, encode } from "@msgpack/msgpack";

/** A value that is known only after apply. */
export const UNKNOWN = new (class Unknown {})();

// Terraform encodes an unknown value as extension 0, and one that it knows something about as extension 12.
const extensionCodec = new ExtensionCodec();
for (const type of [0, 12]) {
  extensionCodec.register({
    type,
    encode: (value) => (type === 0 && value === UNKNOWN ? new Uint8Array([0]) : null),
    decode: () => UNKNOWN,
  });
}

export interface DynamicValue {
  readonly msgpack?: Uint8Array;
  readonly json?: Buffer;
}
export type Values = Record<string, any>;

export const read = (value?: DynamicValue | null): Values | null => {
  if (value?.msgpack?.length) return decode(value.msgpack, { extensionCodec }) as Values | null;
  return value?.json?.length ? JSON.parse(value.json.toString()) : null;
};

export const write = (value: unknown): DynamicValue => ({ msgpack: Buffer.from(encode(value, { extensionCodec })) });
