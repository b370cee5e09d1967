/** The bars of recently allowed and denied decisions. Pure. The page's script draws them again in the same way. */
import type { Rates } from "../../api/contract/decisions.ts"

export const WIDTH = 640
export const HEIGHT = 96
/** The distance between two bars. */
const GAP = 3

export interface Bar {
  readonly x: number
  readonly width: number
  readonly allowed: { readonly y: number; readonly height: number }
  readonly denied: { readonly y: number; readonly height: number }
}

/** Denied decisions at the bottom, and allowed ones on top of them. */
export function barsOf(slots: Rates["slots"]): readonly Bar[] {
  const most = highest(slots)
  const width = WIDTH / Math.max(1, slots.length)
  return slots.map(({ allowed, denied }, index) => {
    const [up, down] = [scaled(allowed, most), scaled(denied, most)]
    return {
      x: round(index * width + GAP / 2),
      width: round(width - GAP),
      allowed: { y: round(HEIGHT - down - up), height: up },
      denied: { y: round(HEIGHT - down), height: down },
    }
  })
}

export function highest(slots: Rates["slots"]): number {
  return Math.max(1, ...slots.map(({ allowed, denied }) => allowed + denied))
}

const scaled = (count: number, most: number): number => round((count / most) * HEIGHT)
const round = (number: number): number => Math.round(number * 10) / 10

/** `120 allowed, 4 denied (3 %)` */
export function figuresOf(slots: Rates["slots"]): string {
  const [allowed, denied] = slots.reduce<readonly [number, number]>(
    ([ups, downs], slot) => [ups + slot.allowed, downs + slot.denied],
    [0, 0],
  )
  const all = allowed + denied
  const share = all === 0 ? "" : ` (${Math.round((100 * denied) / all)} %)`
  return `${allowed} allowed, ${denied} denied${share}`
}
