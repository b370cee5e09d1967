/** How much of something is used, in words and as a bar. */
import type { FC } from "hono/jsx"

interface Measured {
  /** The id of what names it. */
  readonly of: string
  readonly used: number
  readonly limit: number
  readonly text: string
  /** From where on it is rather much, and too much. */
  readonly low?: number
  readonly high?: number
}

export const Meter: FC<Measured> = ({ of, used, limit, text, low = limit * 0.7, high = limit * 0.9 }) => (
  <>
    {text}
    <meter aria-labelledby={of} min="0" max={limit} low={low} high={high} optimum={0} value={Math.min(used, limit)}>
      {text}
    </meter>
  </>
)

/** Of a list of facts. Null: it is not known. */
export const RiskTold: FC<{ readonly of: number | null }> = ({ of: risk }) => (
  <>
    <dt id="risk">Risk told</dt>
    <dd>
      {risk === null ? (
        "not known at the moment"
      ) : (
        <Meter of="risk" used={risk} limit={100} low={30} high={60} text={`${risk} of 100`} />
      )}
    </dd>
  </>
)
