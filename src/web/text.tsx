/** Foreign texts, and times, on our pages. */
import type { FC } from "hono/jsx"
import { piecesOf, shortened, hasBidiControl, type Piece } from "./visible.ts"

/** A foreign text, in which each invisible character is written out. */
export const Text: FC<{ readonly of: string; readonly most?: number; readonly keep?: "start" | "ends" }> = ({
  of,
  most,
  keep,
}) => <Pieces of={piecesOf(most === undefined ? of : shortened(of, most, keep))} />

export const Pieces: FC<{ readonly of: readonly Piece[] }> = ({ of }) => (
  <>
    {of.map(({ text, isEscaped }) =>
      isEscaped ? <span class="escaped">{text}</span> : hasBidiControl(text) ? <bdi>{text}</bdi> : text,
    )}
  </>
)

/** A user: the subject, and below it the issuer that gave them this name. */
export const Person: FC<{ readonly of: string }> = ({ of }) => {
  const bar = of.indexOf("|")
  return (
    <>
      <Text of={of.slice(bar + 1)} most={120} />
      {bar >= 0 && (
        <div class="quiet issuer">
          <Text of={of.slice(0, bar)} most={160} />
        </div>
      )}
    </>
  )
}

/** @param at, now milliseconds */
export const Moment: FC<{ readonly at: number; readonly now: number }> = ({ at, now }) =>
  Math.abs(at) > MOST_TIME ? (
    <>a time outside the calendar</>
  ) : (
    <>
      <time datetime={new Date(at).toISOString()}>{clockOf(at, now)}</time> ({fromNow(at, now)})
    </>
  )

/** Milliseconds. Beyond this a `Date` is invalid (ECMA-262, section 21.4.1.1), and formatting it would throw. */
const MOST_TIME = 8.64e15

/** Moment as plain text, for a time that our own API gives. */
export function momentText(at: number, now: number): string {
  return `${clockOf(at, now)} (${fromNow(at, now)})`
}

/** The time in UTC, with the day unless it is today. */
function clockOf(at: number, now: number): string {
  const [day = "", time = ""] = new Date(at).toISOString().split("T")
  const isToday = new Date(now).toISOString().startsWith(day)
  return `${isToday ? "" : `${day} `}${time.slice(0, 8)} UTC`
}

const UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
] as const

/** `in 4 min`, `2 h ago`. */
export function fromNow(at: number, now: number): string {
  const text = spanText(Math.abs(at - now))
  if (text === "0 s") return "now"
  return at > now ? `in ${text}` : `${text} ago`
}

/** `90 s`, `4 min`, `2 h`. @param span milliseconds */
export function spanText(span: number): string {
  const seconds = Math.round(span / 1000)
  for (const [unit, size] of UNITS) if (seconds >= 2 * size) return `${Math.floor(seconds / size)} ${unit}`
  return `${seconds} s`
}
