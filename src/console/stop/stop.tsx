/** What is suspended, since when, by whom and why; and the first step to suspend or end something. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { taskPath } from "../layout/paths.ts"
import { MAX_REASON } from "../layout/reason-field.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import { mayStop, type PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { hitsText, stopTarget, type Stop } from "../../api/contract/revocations.ts"
import { CHOICES, KINDS, suspendedText } from "./words.ts"
import { Suspension } from "./suspension.tsx"

export const stopPage = {
  path: "/stop",
  section: "stop",
  readers: "viewer",
  view: showStop,
} as const satisfies PageDefinition

/** The suspensions that are shown. Streams of security events may set thousands. */
const MAX_SHOWN = 30
export const MAX_NAME = 2_048

async function showStop(request: PageRequest): Promise<Response> {
  const response = await request.callApi("GET", "/v1/revocations")
  if (response.status !== 200) return failurePage(request, response)
  const all = CONTRACT.listRevocations
    .answer()
    .parse(response.body)
    .revocations.toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0))
  const now = request.context.receivedAt
  const set = all.find(({ id }) => id === request.c.req.query("set"))
  const more = all.length - MAX_SHOWN
  return respondPage(
    <ConsolePage title="Stop" request={request}>
      <h1>Stop</h1>
      <p class="lead">
        {all.length === 0
          ? "Nothing is suspended."
          : `${all.length} ${all.length === 1 ? "suspension" : "suspensions"} now.`}
      </p>
      {set && (
        <p class="notice bad" role="status">
          <strong>
            Suspended at {set.at === undefined ? "this moment" : <Moment at={set.at} now={now} />}:{" "}
            <Text of={suspendedText(set)} most={300} />.
          </strong>{" "}
          Calls that began after that are denied. <Effect of={set} request={request} />
        </p>
      )}
      <EndedTask request={request} />
      {mayStop(request.reader) ? (
        <StopForm of={request.c.req.query()} />
      ) : (
        <p class="notice">Only operators can suspend.</p>
      )}
      <h2>Suspended now</h2>
      {all.length === 0 ? (
        <p class="empty card">Nothing is suspended.</p>
      ) : (
        <ul class="cards">
          {all.slice(0, MAX_SHOWN).map((each) => (
            <li class="card">
              <Suspension of={each} now={now} isReadOnly={!mayStop(request.reader)} />
            </li>
          ))}
        </ul>
      )}
      {more > 0 && (
        <p class="quiet">{`${more} older ones: run \`narrowgate revoke list\`, or see GET /v1/revocations.`}</p>
      )}
    </ConsolePage>,
  )
}

/** What the suspension affects, if it can be counted. A revoked signing key is not counted. */
const Effect: FC<{ readonly of: Stop; readonly request: PageRequest }> = async ({
  of: { agent, user, issuer, tool, key },
  request,
}) => {
  if (key !== undefined || !mayStop(request.reader)) return null
  const named = Object.entries({ agent, user, issuer, tool }).find(([, name]) => name !== undefined)
  const body = { ...Object.fromEntries([named ?? ["everything", true]]), preview: true }
  const response = await request.callApi("POST", "/v1/revocations", body)
  const target = stopTarget().safeParse(response.body)
  if (response.status !== 200 || !target.success) return null
  return target.data.known === false ? (
    <strong>Nothing has this name.</strong>
  ) : (
    <>It affects {hitsText(target.data.hits)}.</>
  )
}

/** The task that the address says was ended. The page shows its status by the API, as any site can link to an address. */
const EndedTask: FC<{ readonly request: PageRequest }> = async ({ request }) => {
  const task = request.c.req.query("ended")
  if (task === undefined) return null
  const response = await request.callApi("GET", `/v1/tasks/${encodeURIComponent(task)}`)
  const found =
    response.status === 200
      ? CONTRACT.showTask
          .answer()
          .parse(response.body)
          .tasks.find(({ id }) => id === task)
      : undefined
  if (!found) return null
  return (
    <p class="notice good" role="status">
      <strong>
        Task {found.id} is {found.status}.
      </strong>{" "}
      <a href={taskPath(found.id)}>View task</a>
    </p>
  )
}

/** The first step: what, and why. It opens the confirmation by GET, and so changes nothing. */
const StopForm: FC<{ readonly of: Readonly<Record<string, string>> }> = ({ of }) => (
  <form method="get" action={`${SECTIONS.stop.href}/confirm`} class="card red">
    <h2>Suspend or end</h2>
    <fieldset>
      <legend>What to suspend or end</legend>
      <div class="targets">
        {KINDS.map((kind) => (
          <label class="choice">
            <input type="radio" name="kind" value={kind} required checked={of["kind"] === kind} />
            {CHOICES[kind]}
          </label>
        ))}
      </div>
    </fieldset>
    <div class="form">
      <div class="wide">
        <label for="name">Name or id</label>
        <input
          id="name"
          name="name"
          value={of["name"] ?? ""}
          maxlength={MAX_NAME}
          autocapitalize="none"
          autocomplete="off"
          spellcheck={false}
          aria-describedby="name-help"
        />
        <small id="name-help" class="quiet">
          Agent: its id. Person: issuer|subject. Identity provider: its issuer, https://… Tools: a name, or a pattern
          such as crm.*. Task: tsk_… Everything: leave empty.
        </small>
      </div>
      <div class="wide">
        <label for="reason">Reason</label>
        <input id="reason" name="reason" value={of["reason"] ?? ""} maxlength={MAX_REASON} required />
      </div>
    </div>
    <details open={(of["before"] ?? "") !== ""}>
      <summary>Only tokens issued before…</summary>
      <label for="before">Time in UTC</label>
      <input
        id="before"
        name="before"
        type="datetime-local"
        value={of["before"] ?? ""}
        aria-describedby="before-help"
      />
      <p>
        <small id="before-help" class="quiet">
          Later tokens and sessions keep working. Use this if tokens were stolen and have been replaced.
        </small>
      </p>
    </details>
    <p>
      <button class="red">Review</button>
    </p>
  </form>
)
