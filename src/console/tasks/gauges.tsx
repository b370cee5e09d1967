/** What is left of a task, and of the windows and budgets that it counts against. */
import type { FC } from "hono/jsx"
import { fromNow, Moment, spanText, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { Meter } from "../layout/meter.tsx"
import type { Gauge, Task } from "../../api/contract/tasks.ts"
import { GAUGES } from "../../core/guardrails/kinds.ts"
import { mayGoOn } from "./words.ts"

/** Gauges that are shown at once, the fullest; the others are folded. */
const MOST_SHOWN = 8
/** Steps of a plan. */
const MOST_STEPS = 40

export const Left: FC<{ readonly task: Task; readonly now: number }> = ({ task, now }) => {
  const { calls, opened_at, expires_at, idle_at, status, left, plan } = task
  const isOver = !mayGoOn(task)
  const whole = expires_at - opened_at
  const spent = Math.min(whole, Math.max(0, now - opened_at))
  return (
    <dl class="facts gauges">
      <dt id="calls">Calls</dt>
      <dd>
        {calls.limit === null ? (
          `${calls.used} made, no limit of its own`
        ) : (
          <Meter of="calls" used={calls.used} limit={calls.limit} text={`${calls.used} of ${calls.limit} made`} />
        )}
      </dd>
      <dt id="life">Life</dt>
      <dd>
        {isOver || status === "pending" ? (
          <>
            {LIVES[status] ?? "it was ended before its time,"}{" "}
            <Moment at={(status === "idle" ? idle_at : null) ?? expires_at} now={now} />
          </>
        ) : (
          <Meter
            of="life"
            used={spent}
            limit={whole}
            text={`${spanText(expires_at - now)} left of ${spanText(whole)}`}
          />
        )}
      </dd>
      {idle_at !== null && !isOver && (
        <>
          <dt>Idle</dt>
          <dd>{`with no call it is over ${fromNow(idle_at, now)}`}</dd>
        </>
      )}
      {left.next !== null && !isOver && (
        <>
          <dt>Next</dt>
          <dd>
            <Text of={left.next.length === 0 ? "nothing: its plan is done" : left.next.join(", ")} most={300} />
          </dd>
        </>
      )}
      {plan !== null && (
        <>
          <dt>Plan</dt>
          <dd>
            <ol class="plan">
              {plan.slice(0, MOST_STEPS).map(({ tools, times, used }) => (
                <li>
                  <Text of={tools.join(" or ")} most={120} />
                  <span class={used >= times ? "badge good" : "badge"}>{`${used} of ${times}`}</span>
                </li>
              ))}
            </ol>
          </dd>
        </>
      )}
    </dl>
  )
}

/** Of one that does not live now, with a time. */
const LIVES: Readonly<Record<string, string>> = {
  expired: "over since",
  idle: "over since",
  pending: "it has not begun; somebody has to agree until",
}

export const Gauges: FC<{ readonly of: readonly Gauge[] | null; readonly isOver: boolean }> = ({ of, isOver }) => {
  if (isOver) return <p class="quiet">Nothing counts any more: it is over.</p>
  if (of === null) return <p class="notice warn">It cannot be known at the moment which limits apply.</p>
  if (of.length === 0) return <p class="quiet">No window, budget or limit on calls in flight applies to it now.</p>
  const [own, shared] = [of.filter((each) => !each.shared), of.filter((each) => each.shared)]
  const [first, others] = [own.slice(0, MOST_SHOWN), own.slice(MOST_SHOWN)]
  return (
    <>
      <GaugeList of={first} from={0} />
      {others.length > 0 && (
        <details>
          <summary>{`${others.length} more, less used`}</summary>
          <GaugeList of={others} from={MOST_SHOWN} />
        </details>
      )}
      {shared.length > 0 && (
        <>
          <h3>Counted over several trees</h3>
          <ul class="plain-list">
            {shared.map((gauge) => (
              <li>
                <code>
                  <Text of={gauge.guardrail} most={80} />
                </code>
                <div class="quiet">{`${limitText(gauge)}, of all trees that share it: how much of it is used is not told here`}</div>
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  )
}

const GaugeList: FC<{ readonly of: readonly Gauge[]; readonly from: number }> = ({ of, from }) => (
  <dl class="facts gauges">
    {of.map((gauge, index) => {
      const { guardrail, used, limit, key, from_risk } = gauge
      const id = `gauge-${from + index}`
      return (
        <>
          <dt id={id}>
            <code>
              <Text of={guardrail} most={60} />
            </code>
          </dt>
          <dd>
            {used === null ? (
              `${limitText(gauge)}: how much is used is not told, as it is of an argument that is redacted`
            ) : (
              <Meter of={id} used={used} limit={limit} text={`${used} of ${limitText(gauge)}`} />
            )}
            {key !== null && (
              <div class="quiet">
                <Text of={keyText(key)} most={160} />
              </div>
            )}
            {from_risk !== null && <div class="quiet">{`holds from a risk of ${from_risk} on`}</div>}
          </dd>
        </>
      )
    })}
  </dl>
)

const UNITS: Readonly<Record<Gauge["measure"], string>> = {
  calls: "calls",
  cost: "units of cost",
  sum: "in sum",
  distinct: "different values",
}

function limitText({ kind, measure, limit, seconds }: Gauge): string {
  return `${limit} ${UNITS[measure]} ${seconds === null ? GAUGES[kind] : `in ${spanText(seconds * 1000)}`}`
}

function keyText(key: Readonly<Record<string, string | null>>): string {
  const parts = Object.entries(key).map(([field, value]) => {
    return `${field} ${value === null ? "(not told)" : shortened(value, 60, field === "agent" || field === "task" ? "end" : "start")}`
  })
  return `for ${parts.join(", ")}`
}
