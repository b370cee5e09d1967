/** How long ago something was, or how long something takes: one number and its unit. */
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const

export function since(at: string | number, now: number = Date.now()): string {
  return duration((now - new Date(at).getTime()) / 1000)
}

/** @param seconds of any sign */
export function duration(seconds: number): string {
  const whole = Math.round(Math.abs(seconds))
  const [unit, length] = UNITS.find(([, size]) => whole >= size) ?? ["second", 1]
  const count = Math.floor(whole / length)
  return `${count} ${unit}${count === 1 ? "" : "s"}`
}
