/** How much a task has used of its own limits, and of the windows and budgets that it counts against. */
import type { FC } from "hono/jsx"
import { fromNow, Moment, spanText, Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { Meter } from "../layout/meter.tsx"
import type { Gauge, Task } from "../../api/contract/tasks.ts"
import { GAUGES } from "../../core/guardrails/kinds.ts"
import { isOpen } from "./words.ts"

/** The fullest gauges, which are shown at once; the others are folded. */
const MOST_SHOWN = 8
/** The steps of a plan that are shown. */
const MOST_STEPS = 40

export const Usage: FC<{ readonly task: Task; readonly now: number }> = ({ task, now }) => {
  const { calls, opened_at, expires_at, idle_at, status, left, plan } = task
  const isClosed = !isOpen(task)
  const lifetime = expires_at - opened_at
  const elapsed = Math.min(lifetime, Math.max(0, now - opened_at))
  return (
    <dl class="facts gauges">
      <dt id="calls">Calls</dt>
      <dd>
        {calls.limit === null ? (
          `${calls.used} made, no limit of the task`
        ) : (
          <Meter of="calls" used={calls.used} limit={calls.limit} text={`${calls.used} of ${calls.limit} used`} />
        )}
      </dd>
      <dt id="life">Duration</dt>
      <dd>
        {isClosed || status === "pending" ? (
          <>
            {ENDS[status] ?? "Ended before"}{" "}
            <Moment at={(status === "idle" ? idle_at : null) ?? expires_at} now={now} />
          </>
        ) : (
          <Meter
            of="life"
            used={elapsed}
            limit={lifetime}
            text={`${spanText(expires_at - now)} left of ${spanText(lifetime)}`}
          />
        )}
      </dd>
      {idle_at !== null && !isClosed && (
        <>
          <dt>Idle</dt>
          <dd>{`Without a call it expires ${fromNow(idle_at, now)}`}</dd>
        </>
      )}
      {left.next !== null && !isClosed && (
        <>
          <dt>Next</dt>
          <dd>
            <Text of={left.next.length === 0 ? "None: the plan is completed" : left.next.join(", ")} most={300} />
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

/** What a task that is not active says before its time. */
const ENDS: Readonly<Record<string, string>> = {
  expired: "Expired at",
  idle: "Expired at",
  pending: "Not started. Waits for consent until",
}

export const Gauges: FC<{ readonly of: readonly Gauge[] | null; readonly isClosed: boolean }> = ({ of, isClosed }) => {
  if (isClosed) return <p class="quiet">The task has ended. Nothing counts any more.</p>
  if (of === null) return <p class="notice warn">Limits are unavailable at the moment.</p>
  if (of.length === 0)
    return <p class="quiet">No window, budget or limit on calls in flight applies to this task now.</p>
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
          <h3>Shared by all users</h3>
          <ul class="plain-list">
            {shared.map((gauge) => (
              <li>
                <code>
                  <Text of={gauge.guardrail} most={80} />
                </code>
                <div class="quiet">{`${limitText(gauge)}, for all users together. Its use is not shown here.`}</div>
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
              `${limitText(gauge)}. Its use is not shown, because it counts a redacted argument.`
            ) : (
              <Meter of={id} used={used} limit={limit} text={`${used} of ${limitText(gauge)} used`} />
            )}
            {key !== null && (
              <div class="quiet">
                <Text of={keyText(key)} most={160} />
              </div>
            )}
            {from_risk !== null && <div class="quiet">{`Applies from a risk score of ${from_risk}`}</div>}
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
    return `${field} ${value === null ? "(redacted)" : shortened(value, 60, field === "agent" || field === "task" ? "end" : "start")}`
  })
  return `for ${parts.join(", ")}`
}
