/** Figures as they are printed. */
export const count = (value: number): string => Math.round(value).toLocaleString("en-US")
export const dollars = (value: number): string =>
  `$${value.toLocaleString("en-US", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`

export function percent(part: number): string {
  return part < 0.001 ? "< 0.1 %" : `${part < 0.1 ? Number((part * 100).toPrecision(2)) : count(part * 100)} %`
}
