export interface Datetime {
  readonly kind: "datetime"
  readonly key: string
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly value: bigint
}

export interface Decimal {
  readonly kind: "decimal"
  readonly key: string
  /** In ten-thousandths. */
  readonly value: bigint
}

export interface Duration {
  readonly kind: "duration"
  readonly key: string
  /** Milliseconds. */
  readonly value: bigint
}

export interface Ip {
  readonly kind: "ip"
  readonly key: string
  /** Of the address: 32 or 128. */
  readonly bits: 32 | 128
  readonly address: bigint
  readonly prefix: number
}

export type Extension = Datetime | Decimal | Duration | Ip
