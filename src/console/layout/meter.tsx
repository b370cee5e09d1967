/** How much of a limit is used, in words and as a bar. */
import type { FC } from "hono/jsx"

interface MeterProps {
  /** The id of the element that names the meter. */
  readonly of: string
  readonly used: number
  readonly limit: number
  readonly text: string
  /** From these values on the bar turns amber, and red. */
  readonly low?: number
  readonly high?: number
}

export const Meter: FC<MeterProps> = ({ of, used, limit, text, low = limit * 0.7, high = limit * 0.9 }) => (
  <>
    {text}
    <meter aria-labelledby={of} min="0" max={limit} low={low} high={high} optimum={0} value={Math.min(used, limit)}>
      {text}
    </meter>
  </>
)

/** The risk score in a list of facts. Null if it is unavailable. */
export const RiskScore: FC<{ readonly of: number | null }> = ({ of: risk }) => (
  <>
    <dt id="risk">Risk score</dt>
    <dd>
      {risk === null ? (
        "Unavailable at the moment"
      ) : (
        <Meter of="risk" used={risk} limit={100} low={30} high={60} text={`${risk} of 100`} />
      )}
    </dd>
  </>
)
