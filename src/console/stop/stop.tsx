/** What is stopped, since when, by whom and why; and the form that begins to stop something. */
import type { FC } from "hono/jsx"
import * as z from "zod"
import { respondPage } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { taskPath } from "../layout/paths.ts"
import { MAX_REASON } from "../layout/reason-field.tsx"
import type { PageDefinition } from "../layout/page-definition.ts"
import { mayStop, type PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { hitsText, stopTarget, stops, type Stop } from "../../api/contract/revocations.ts"
import { CHOICES, KINDS, stoppedText } from "./words.ts"
import { Switch } from "./switch.tsx"

export const stopPage = {
  path: "/stop",
  section: "stop",
  readers: "viewer",
  view: showStop,
} as const satisfies PageDefinition

/** Of switches in force. Streams of events may set thousands. */
const MAX_SHOWN = 30
export const MAX_NAME = 2_048

async function showStop(request: PageRequest): Promise<Response> {
  const response = await request.callApi("GET", "/v1/revocations")
  if (response.status !== 200) return failurePage(request, response)
  const all = stops.parse(response.body).revocations.toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0))
  const now = request.context.receivedAt
  const set = all.find(({ id }) => id === request.c.req.query("set"))
  const more = all.length - MAX_SHOWN
  return respondPage(
    <ConsolePage title="Stop" request={request}>
      <h1>Stop</h1>
      <p class="lead">
        {all.length === 0
          ? "Nothing is stopped."
          : `${all.length} ${all.length === 1 ? "switch is" : "switches are"} in force.`}
      </p>
      {set && (
        <p class="notice good" role="status">
          <strong>
            It holds since {set.at === undefined ? "now" : <Moment at={set.at} now={now} />}:{" "}
            <Text of={stoppedText(set)} most={300} /> is stopped.
          </strong>{" "}
          No call that began after that was let through. <Effect of={set} request={request} />
        </p>
      )}
      <EndedTask request={request} />
      {mayStop(request.reader) ? (
        <StopForm of={request.c.req.query()} />
      ) : (
        <p class="notice">You may see what is stopped. Stopping takes the role operator.</p>
      )}
      <h2>In force</h2>
      {all.length === 0 ? (
        <p class="empty card">No switch is set.</p>
      ) : (
        <ul class="cards">
          {all.slice(0, MAX_SHOWN).map((each) => (
            <li class="card">
              <Switch of={each} now={now} isShownOnly={!mayStop(request.reader)} />
            </li>
          ))}
        </ul>
      )}
      {more > 0 && (
        <p class="quiet">{`And ${more} older ones: see \`narrowgate revoke --list\` or GET /v1/revocations.`}</p>
      )}
    </ConsolePage>,
  )
}

/** What the switch hits, as far as it can be counted. A key is pulled on the command line, and counted nowhere. */
const Effect: FC<{ readonly of: Stop; readonly request: PageRequest }> = async ({
  of: { agent, user, tool, key },
  request,
}) => {
  if (key !== undefined || !mayStop(request.reader)) return null
  const named = agent !== undefined ? { agent } : user !== undefined ? { user } : tool !== undefined ? { tool } : null
  const response = await request.callApi("POST", "/v1/revocations", {
    ...(named ?? { everything: true }),
    preview: true,
  })
  const target = stopTarget.safeParse(response.body)
  if (response.status !== 200 || !target.success) return null
  return target.data.known === false ? (
    <strong>Nothing by this name is known here.</strong>
  ) : (
    <>It stops {hitsText(target.data.hits)}.</>
  )
}

const described = z.looseObject({ tasks: z.array(z.looseObject({ id: z.string(), status: z.string() })) })

/** What the address says was ended is believed as far as the API says so. */
const EndedTask: FC<{ readonly request: PageRequest }> = async ({ request }) => {
  const task = request.c.req.query("ended")
  if (task === undefined) return null
  const response = await request.callApi("GET", `/v1/tasks/${encodeURIComponent(task)}`)
  const found = response.status === 200 ? described.parse(response.body).tasks.find(({ id }) => id === task) : undefined
  if (!found) return null
  return (
    <p class="notice good" role="status">
      <strong>
        The task {found.id} is {found.status}.
      </strong>{" "}
      <a href={taskPath(found.id)}>See it</a>
    </p>
  )
}

/** The first step: what, and why. It asks for the second by GET, and so changes nothing. */
const StopForm: FC<{ readonly of: Readonly<Record<string, string>> }> = ({ of }) => (
  <form method="get" action={`${SECTIONS.stop.href}/confirm`} class="card red">
    <h2>Stop something now</h2>
    <fieldset>
      <legend>What</legend>
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
        <label for="name">Which</label>
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
          An agent: its id. A person: issuer|subject. A tool: its name or a pattern, as crm.*. A task: tsk_… For
          everything: nothing.
        </small>
      </div>
      <div class="wide">
        <label for="reason">Why</label>
        <input id="reason" name="reason" value={of["reason"] ?? ""} maxlength={MAX_REASON} required />
      </div>
    </div>
    <details open={(of["before"] ?? "") !== ""}>
      <summary>Only what was given before a moment</summary>
      <label for="before">Moment, in UTC</label>
      <input
        id="before"
        name="before"
        type="datetime-local"
        value={of["before"] ?? ""}
        aria-describedby="before-help"
      />
      <p>
        <small id="before-help" class="quiet">
          Tokens and sessions of after it go on working: for what was stolen and has been replaced since.
        </small>
      </p>
    </details>
    <p>
      <button class="red">Go on: see what it does</button>
    </p>
  </form>
)
