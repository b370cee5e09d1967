/** What is stopped, since when, by whom and why; and the way to stop something, in two steps, without a script. */
import type { FC } from "hono/jsx"
import * as z from "zod"
import { respondPage, seeOther } from "../../page/page.tsx"
import type { Form } from "../../page/form.ts"
import { Moment, Text } from "../../page/text.tsx"
import { apology, ConsolePage } from "../frame.tsx"
import type { Visit } from "../visit.tsx"
import { CONSEQUENCES, isKind, KINDS, LABELS, stoppedText, stops, type Kind, type Stop } from "./said.ts"

export const SECTION = "/console/stop"
/** Of switches in force. Streams of events may set thousands. */
const MAX_SHOWN = 30
const MAX_NAME = 2_048

export async function showStop(visit: Visit): Promise<Response> {
  const said = await visit.ask("GET", "/v1/revocations")
  if (said.status !== 200) return apology(visit, SECTION, said)
  const all = stops.parse(said.body).revocations.toSorted((a, b) => (b.at ?? 0) - (a.at ?? 0))
  const now = visit.around.receivedAt
  const set = all.find(({ id }) => id === visit.c.req.query("set"))
  const more = all.length - MAX_SHOWN
  return respondPage(
    <ConsolePage title="Stop" visit={visit} section={SECTION}>
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
          No call that began after that was let through.
        </p>
      )}
      <EndedTask visit={visit} />
      {mayStop(visit) ? (
        <StopForm of={visit.c.req.query()} />
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
              <Switch of={each} now={now} isShownOnly={!mayStop(visit)} />
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

/** As the API will judge, too: the page only spares them the way. */
const mayStop = ({ visitor }: Visit): boolean => visitor.roles.includes("operator")

const Switch: FC<{ readonly of: Stop; readonly now: number; readonly isShownOnly?: boolean }> = ({
  of: each,
  now,
  isShownOnly = false,
}) => (
  <>
    <h3>
      <Text of={stoppedText(each)} most={200} />
    </h3>
    <dl class="facts">
      {each.at !== undefined && (
        <>
          <dt>Since</dt>
          <dd>
            <Moment at={each.at} now={now} />
          </dd>
        </>
      )}
      {each.by !== undefined && (
        <>
          <dt>By</dt>
          <dd>
            <Text of={each.by} most={200} />
          </dd>
        </>
      )}
      <dt>Why</dt>
      <dd>
        {each.reason === undefined ? <span class="quiet">nobody said</span> : <Text of={each.reason} most={600} />}
      </dd>
      {each.before !== undefined && (
        <>
          <dt>Only</dt>
          <dd>
            what was given before <Moment at={each.before * 1000} now={now} />
          </dd>
        </>
      )}
    </dl>
    {each.key === undefined && !isShownOnly && (
      <p>
        <a class="button" href={`${SECTION}/lift?id=${encodeURIComponent(each.id)}`}>
          Lift it …
        </a>
      </p>
    )}
  </>
)

const described = z.looseObject({ tasks: z.array(z.looseObject({ id: z.string(), status: z.string() })) })

/** What the address says was ended is believed as far as the API says so. */
const EndedTask: FC<{ readonly visit: Visit }> = async ({ visit }) => {
  const task = visit.c.req.query("ended")
  if (task === undefined) return null
  const said = await visit.ask("GET", `/v1/tasks/${encodeURIComponent(task)}`)
  const found = said.status === 200 ? described.parse(said.body).tasks.find(({ id }) => id === task) : undefined
  if (!found) return null
  return (
    <p class="notice good" role="status">
      <strong>
        The task {found.id} is {found.status}.
      </strong>{" "}
      <a href={`/console/tasks/${encodeURIComponent(found.id)}`}>See it</a>
    </p>
  )
}

/** The first step: what, and why. It asks for the second by GET, and so changes nothing. */
const StopForm: FC<{ readonly of: Readonly<Record<string, string>> }> = ({ of }) => (
  <form method="get" action={`${SECTION}/confirm`} class="card red">
    <h2>Stop something now</h2>
    <fieldset>
      <legend>What</legend>
      <div class="targets">
        {KINDS.map((kind) => (
          <label class="choice">
            <input type="radio" name="kind" value={kind} required checked={of["kind"] === kind} />
            {LABELS[kind].choice}
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
        <input id="reason" name="reason" value={of["reason"] ?? ""} maxlength={1_024} required />
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

interface Wanted {
  readonly kind: Kind
  readonly name: string
  readonly reason: string
  /** As the browser writes it, `2026-11-26T08:00`; empty: whenever. */
  readonly before: string
  /** `agents`: it was asked for on the agent's own page, and leads back to it. */
  readonly from: string
}

function wantedOf(value: (name: string) => string | null | undefined): Wanted | null {
  const text = (name: string): string => value(name)?.trim() ?? ""
  const [kind, name] = [text("kind"), text("name")]
  if (!isKind(kind) || (kind !== "everything" && (name === "" || name.length > MAX_NAME))) return null
  return { kind, name, reason: text("reason"), before: text("before"), from: text("from") }
}

/** The second step: what it does, told before it is done. */
export async function confirmStop(visit: Visit): Promise<Response> {
  const wanted = wantedOf((name) => visit.c.req.query(name))
  if (!wanted || secondsOf(wanted) === undefined) return unclear(visit)
  const { kind, name, reason, before, from } = wanted
  const at = secondsOf(wanted)
  return respondPage(
    <ConsolePage title="Stop: sure?" visit={visit} section={SECTION} narrow>
      <div class="card red">
        <h1 class="wrap">
          {kind === "everything" ? "Stop everything?" : <>Stop {LABELS[kind].choice.toLowerCase()}?</>}
        </h1>
        {kind !== "everything" && (
          <p>
            <code>
              <Text of={name} />
            </code>
          </p>
        )}
        <p>{CONSEQUENCES[kind]}</p>
        {kind !== "task" && <p class="quiet">It holds until somebody lifts it.</p>}
        {typeof at === "number" && (
          <p>
            Only authority that was given before <Moment at={at * 1000} now={visit.around.receivedAt} />.
          </p>
        )}
        {reason !== "" && (
          <p>
            Why: <Text of={reason} />
          </p>
        )}
        <form method="post" action={SECTION}>
          <input type="hidden" name="csrf" value={visit.visitor.csrf} />
          <input type="hidden" name="kind" value={kind} />
          <input type="hidden" name="name" value={name} />
          <input type="hidden" name="reason" value={reason} />
          <input type="hidden" name="before" value={before} />
          <input type="hidden" name="from" value={from} />
          <p>
            <button class="red">{kind === "everything" ? "Stop everything now" : "Stop it now"}</button>
          </p>
        </form>
        <p>
          <a
            href={
              from === "agents"
                ? agentPath(name)
                : `${SECTION}?${new URLSearchParams({ kind, name, reason, before }).toString()}`
            }
          >
            No, back
          </a>
        </p>
      </div>
    </ConsolePage>,
  )
}

const agentPath = (id: string): string => `/console/agents/agent?id=${encodeURIComponent(id)}`

/** Null: whenever; undefined: it is no moment. */
function secondsOf({ before }: Wanted): number | null | undefined {
  if (before === "") return null
  const at = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?$/.test(before) ? Date.parse(`${before}Z`) : Number.NaN
  return Number.isFinite(at) && at > 0 ? Math.floor(at / 1000) : undefined
}

const unclear = (visit: Visit): Promise<Response> =>
  apology(visit, SECTION, {
    status: 400,
    body: {
      error_description:
        "Say what is to be stopped: its kind and, of all but everything, its name; and, if you like, a moment.",
    },
  })

const answered = z.looseObject({ id: z.string().exactOptional(), task: z.string().exactOptional() })

/** The API answers when it holds. */
export async function stopIt(visit: Visit, form: Form): Promise<Response> {
  const wanted = wantedOf((name) => form.get(name))
  const before = wanted && secondsOf(wanted)
  if (!wanted || before === undefined) return unclear(visit)
  const { kind, name, reason, from } = wanted
  const said = await visit.ask("POST", "/v1/revocations", {
    [kind]: kind === "everything" ? true : name,
    ...(reason !== "" && { reason }),
    ...(before !== null && { before }),
  })
  if (said.status !== 200) return apology(visit, SECTION, said)
  if (from === "agents" && kind === "agent") return seeOther(agentPath(name))
  const { id, task } = answered.parse(said.body)
  const what = new URLSearchParams(id === undefined ? { ended: task ?? "" } : { set: id })
  return seeOther(`${SECTION}?${what.toString()}`)
}

export async function confirmLift(visit: Visit): Promise<Response> {
  const said = await visit.ask("GET", "/v1/revocations")
  if (said.status !== 200) return apology(visit, SECTION, said)
  const found = stops.parse(said.body).revocations.find(({ id }) => id === visit.c.req.query("id"))
  if (!found)
    return apology(visit, SECTION, { status: 404, body: { error_description: "It is not in force any more." } })
  return respondPage(
    <ConsolePage title="Lift: sure?" visit={visit} section={SECTION} narrow>
      <div class="card">
        <h1 class="wrap">Let it go on?</h1>
        <Switch of={found} now={visit.around.receivedAt} isShownOnly />
        <p>What it stops may be called again as soon as it is lifted, as far as rules and grants allow.</p>
        <form method="post" action={`${SECTION}/lift`}>
          <input type="hidden" name="csrf" value={visit.visitor.csrf} />
          <input type="hidden" name="id" value={found.id} />
          {visit.c.req.query("from") === "agents" && <input type="hidden" name="agent" value={found.agent ?? ""} />}
          <button class="main">Lift it</button>
        </form>
        <p>
          <a href={SECTION}>No, back</a>
        </p>
      </div>
    </ConsolePage>,
  )
}

export async function liftIt(visit: Visit, form: Form): Promise<Response> {
  const said = await visit.ask("DELETE", `/v1/revocations/${encodeURIComponent(form.get("id") ?? "")}`)
  if (said.status !== 200) return apology(visit, SECTION, said)
  const agent = form.get("agent") ?? ""
  return seeOther(agent === "" ? SECTION : agentPath(agent))
}
