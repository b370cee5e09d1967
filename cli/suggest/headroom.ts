/** The share that a limit leaves above the most that was seen. */
export const HEADROOM = 0.25

/** Rounded up to two digits. */
export function withHeadroom(value: number): number {
  const wanted = value * (1 + HEADROOM)
  if (wanted <= 1) return value <= 0 ? 0 : 1
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(wanted)) - 1)
  return Math.ceil(wanted / unit) * unit
}
