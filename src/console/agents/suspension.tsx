/** Whether an agent is suspended, by whom and why; and the form to suspend it, or the link to resume it. */
import type { FC } from "hono/jsx"
import { Moment, Text } from "../../web/text.tsx"
import { resumePath } from "../layout/paths.ts"
import { MAX_REASON } from "../layout/reason-field.tsx"
import { mayStop, type SignedInUser } from "../layout/page-request.ts"
import type { Agent } from "../../api/contract/agents.ts"
import type { Stop } from "../../api/contract/revocations.ts"

interface SuspensionProps {
  readonly of: Agent
  readonly stop: Stop | null
  /** Whether the API did not list the suspensions. */
  readonly unseen: boolean
  readonly now: number
  readonly reader: SignedInUser
}

export const Suspension: FC<SuspensionProps> = ({ of: { id }, stop, unseen, now, reader }) => {
  if (unseen)
    return (
      <p class="notice warn">
        Whether this agent is suspended is unavailable at the moment, or you have no permission to see it.
      </p>
    )
  if (stop) {
    return (
      <div class="notice bad row">
        <p>
          <strong>
            Suspended
            {stop.at !== undefined && (
              <>
                {" "}
                since <Moment at={stop.at} now={now} />
              </>
            )}
            {stop.before !== undefined && (
              <>
                , for tokens issued before <Moment at={stop.before * 1000} now={now} />
              </>
            )}
          </strong>
          {stop.by !== undefined && (
            <>
              {" "}
              by <Text of={stop.by} most={120} />
            </>
          )}
          {stop.reason !== undefined && (
            <>
              : <Text of={stop.reason} most={400} />
            </>
          )}
        </p>
        {mayStop(reader) && (
          <a class="button end" href={`${resumePath(stop.id)}&from=agents`}>
            Resume…
          </a>
        )}
      </div>
    )
  }
  if (!mayStop(reader)) return null
  return (
    <form method="get" action="/console/stop/confirm" class="filters">
      <input type="hidden" name="kind" value="agent" />
      <input type="hidden" name="name" value={id} />
      <input type="hidden" name="from" value="agents" />
      <div>
        <label for="reason">Reason</label>
        <input id="reason" name="reason" maxlength={MAX_REASON} size={32} required />
      </div>
      <button class="stop">Suspend…</button>
    </form>
  )
}
