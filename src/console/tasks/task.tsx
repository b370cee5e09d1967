/** One task: its tree, what is left of it, what it did, and what an operator can do about it. */
import type { FC } from "hono/jsx"
import { rootOf } from "../../ledger/state.ts"
import type { Form } from "../../page/form.ts"
import { respondPage, seeOther } from "../../page/page.tsx"
import { Moment, Person, Text } from "../../page/text.tsx"
import { shortened } from "../../page/visible.ts"
import { apology, ConsolePage } from "../frame.tsx"
import { Timeline, type Event } from "../timeline.tsx"
import type { Said, Visit } from "../visit.tsx"
import { Gauges, Left } from "./gauges.tsx"
import { SECTION } from "./list.tsx"
import { asked, decisions, mayGoOn, STATES, viewed, type Asked, type Decision, type Task } from "./said.ts"
import { TreePicture } from "./tree.tsx"

/** Records of a page. */
const MOST_RECORDS = 20
const MOST_ASKED = 30
/** Labels, and scopes, of a task. */
const MOST_NAMES = 60

export async function showTask(visit: Visit): Promise<Response> {
  const { c } = visit
  const id = c.req.param("id") ?? ""
  const root = rootOf(id)
  const query = new URLSearchParams({ tree: id, limit: String(MOST_RECORDS) })
  const before = c.req.query("before")
  const isDenied = c.req.query("decision") === "deny"
  if (before !== undefined) query.set("before", before)
  if (isDenied) query.set("decision", "deny")
  const path = `/v1/tasks/${encodeURIComponent(id)}`
  const [own, whole] = await Promise.all([
    visit.ask("GET", path),
    root === id ? null : visit.ask("GET", `/v1/tasks/${encodeURIComponent(root)}`),
  ])
  if (own.status !== 200) return apology(visit, SECTION, own)
  const { tasks, limits } = viewed.parse(own.body)
  const task = tasks.find((each) => each.id === id)
  if (!task) return apology(visit, SECTION, { status: 404, body: null })
  const tree = whole?.status === 200 ? viewed.parse(whole.body).tasks : tasks
  const [records, approvals] = await Promise.all([
    visit.ask("GET", `/v1/decisions?${query.toString()}`),
    visit.ask("GET", `${path}/approvals`),
  ])
  const now = visit.around.receivedAt
  return respondPage(
    <ConsolePage title={`Task ${id}`} visit={visit} section={SECTION}>
      <p>
        <a href={SECTION}>Tasks</a>
        {root !== id && (
          <>
            {" / "}
            <a class="mono" href={`${SECTION}/${root}`}>
              {root}
            </a>
          </>
        )}
      </p>
      <h1>
        <Text of={task.purpose} most={100} />
      </h1>
      <Standing task={task} now={now} />
      {visit.visitor.roles.includes("operator") && <Forms task={task} visit={visit} below={tasks.length - 1} />}
      <div class="columns">
        <div>
          <section class="card">
            <h2>What is left</h2>
            <Left task={task} now={now} />
          </section>
          <section class="card">
            <h2>Windows and budgets</h2>
            <Gauges of={limits} isOver={!mayGoOn(task)} />
          </section>
        </div>
        <aside>
          <section class="card">
            <h2>{`Its tree: ${tree.length} ${tree.length === 1 ? "task" : "tasks"}`}</h2>
            <TreePicture tasks={tree} current={id} />
          </section>
          <Facts task={task} now={now} />
        </aside>
      </div>
      <Approvals said={approvals} tasks={tree} now={now} />
      <Records said={records} now={now} at={`${SECTION}/${id}`} isDenied={isDenied} isFirst={before === undefined} />
    </ConsolePage>,
  )
}

const Standing: FC<{ readonly task: Task; readonly now: number }> = ({ task, now }) => {
  const { tone, text } = STATES[task.status]
  return (
    <p class="row lead">
      <span class={`badge ${tone}`}>{task.status}</span>
      <span>{`${shortened(task.agent, 80, "end")}: ${text}${task.ended_by === null ? "" : `, by ${ENDED_BY[task.ended_by] ?? task.ended_by}`}.`}</span>
      <span>
        {task.status === "quarantined" && "Its calls are refused until an operator lets it go on. "}
        Opened <Moment at={task.opened_at} now={now} />
      </span>
      <code>{task.id}</code>
    </p>
  )
}

const ENDED_BY: Readonly<Record<string, string>> = {
  completion: "its agent, whose work is done",
  abort: "its agent, which gave up",
  operator: "an operator",
  rejection: "the person who was asked",
  plan: "its plan, of which nothing is left",
  deviation: "a guardrail or its plan, from which it strayed",
}

const Facts: FC<{ readonly task: Task; readonly now: number }> = ({ task, now }) => {
  const { user, labels, risk, scope, expires_at } = task
  const scopes = scope.split(" ")
  return (
    <section class="card">
      <h2>Facts</h2>
      <dl class="facts">
        <dt>Person</dt>
        <dd>{user === null ? "nobody: the agent acts on its own" : <Person of={user} />}</dd>
        <dt>Agent</dt>
        <dd>
          <Text of={task.agent} most={300} />
        </dd>
        <dt id="risk">Risk told</dt>
        <dd>
          {`${risk} of 100`}
          <meter
            aria-labelledby="risk"
            min="0"
            max="100"
            low={30}
            high={60}
            optimum={0}
            value={risk}
          >{`${risk} of 100`}</meter>
        </dd>
        <dt>Picked up</dt>
        <dd class="row">
          {labels.length === 0
            ? "no label so far"
            : labels.slice(0, MOST_NAMES).map((label) => <span class="badge warn">{shortened(label, 60)}</span>)}
        </dd>
        <dt>Ends</dt>
        <dd>
          <Moment at={expires_at} now={now} />
        </dd>
      </dl>
      <details>
        <summary>{`May call at most (${scopes.length})`}</summary>
        <ul>
          {scopes.slice(0, MOST_NAMES).map((each) => (
            <li>
              <code>
                <Text of={each} most={120} />
              </code>
            </li>
          ))}
        </ul>
        {scopes.length > MOST_NAMES && <p class="quiet">{`And ${scopes.length - MOST_NAMES} more.`}</p>}
      </details>
    </section>
  )
}

/** What an operator can do to a task; each is said once more before it is done. */
const ACTS = {
  complete: {
    title: "End it",
    text: "It ends for good, and all below it. Its tokens open nothing from the moment that this is answered.",
    button: "End this task for good",
    tone: "stop",
    when: ["active", "pending", "quarantined"],
  },
  quarantine: {
    title: "Freeze it",
    text: "Its calls, and those of tasks below it, are refused until an operator lets it go on.",
    button: "Freeze this task",
    tone: "stop",
    when: ["active"],
  },
  release: {
    title: "Let it go on",
    text: "It was frozen. From the moment that this is answered its calls are judged as before.",
    button: "Let this task go on",
    tone: "main",
    when: ["quarantined"],
  },
} as const satisfies Readonly<Record<string, Act>>
interface Act {
  readonly title: string
  readonly text: string
  readonly button: string
  readonly tone: "stop" | "main"
  readonly when: readonly Task["status"][]
}
export type ActName = keyof typeof ACTS

const Forms: FC<{ readonly task: Task; readonly visit: Visit; readonly below: number }> = ({ task, visit, below }) => {
  const acts: readonly (readonly [string, Act])[] = Object.entries(ACTS)
  const offered = acts.filter(([, { when }]) => when.includes(task.status))
  if (offered.length === 0) return <></>
  return (
    <section class="acts" aria-label="What you can do">
      {offered.map(([name, { title, text, button, tone }]) => (
        <details class="card">
          <summary>{title}</summary>
          <form method="post" action={`${SECTION}/${task.id}/${name}`}>
            <p>
              {text}
              {below > 0 && name !== "release" && ` It has ${below} ${below === 1 ? "task" : "tasks"} below it.`}
            </p>
            <input type="hidden" name="csrf" value={visit.visitor.csrf} />
            <label for={`why-${name}`}>Why (kept in the record, optional)</label>
            <input id={`why-${name}`} name="reason" maxlength={1024} autocomplete="off" />
            <p>
              <button class={tone}>{button}</button>
            </p>
          </form>
        </details>
      ))}
    </section>
  )
}

/** What of a task's forms was sent. */
export function actOnTask(name: ActName) {
  return async (visit: Visit, form: Form): Promise<Response> => {
    const id = visit.c.req.param("id") ?? ""
    const reason = form.get("reason")?.trim() ?? ""
    const path = `/v1/tasks/${encodeURIComponent(id)}/${name}`
    const said = await visit.ask("POST", path, reason === "" ? undefined : { reason })
    return said.status === 200 ? seeOther(`${SECTION}/${encodeURIComponent(id)}`) : apology(visit, SECTION, said)
  }
}

const Approvals: FC<{ readonly said: Said; readonly tasks: readonly Task[]; readonly now: number }> = ({
  said,
  tasks,
  now,
}) => {
  if (said.status !== 200)
    return <p class="notice warn">{`What people were asked about it cannot be shown: ${wordsOf(said)}`}</p>
  const { approvals } = asked.parse(said.body)
  if (approvals.length === 0) return <></>
  const latest = approvals.toReversed().slice(0, MOST_ASKED)
  return (
    <div class="table">
      <table class="stack">
        <caption>What people were asked about it</caption>
        <thead>
          <tr>
            <th scope="col">Call</th>
            <th scope="col">Answer</th>
            <th scope="col">Until</th>
          </tr>
        </thead>
        <tbody>
          {latest.map((each) => (
            <AskedRow asked={each} isOver={tasks.some((task) => task.id === each.task && !mayGoOn(task))} now={now} />
          ))}
        </tbody>
      </table>
    </div>
  )
}

const ANSWER_TONES: Readonly<Record<string, string>> = { pending: "warn", approved: "good", rejected: "bad" }

const AskedRow: FC<{ readonly asked: Asked; readonly isOver: boolean; readonly now: number }> = ({
  asked: { id, task, tool, status, expires_at },
  isOver,
  now,
}) => (
  <tr>
    <td data-label="Call">
      <a href={`/console/approvals/${task}/${id}`}>
        <Text of={tool} most={100} />
      </a>
    </td>
    <td data-label="Answer">
      {status === "pending" && isOver ? (
        <span class="badge">over</span>
      ) : (
        <span class={`badge ${ANSWER_TONES[status] ?? ""}`}>
          {status === "pending" ? "waits" : shortened(status, 20)}
        </span>
      )}
    </td>
    <td data-label="Until">
      <Moment at={expires_at} now={now} />
    </td>
  </tr>
)

interface Paged {
  readonly said: Said
  readonly now: number
  readonly at: string
  readonly isDenied: boolean
  readonly isFirst: boolean
}

const Records: FC<Paged> = ({ said, now, at, isDenied, isFirst }) => {
  const events = said.status === 200 ? decisions.parse(said.body).decisions.map(eventOf) : null
  const filter = isDenied ? "decision=deny" : ""
  const last = events?.at(-1)
  return (
    <section class="card" id="records">
      <div class="row">
        <h2>What was decided</h2>
        <span class="end">
          {isDenied ? (
            <a href={`${at}#records`}>All</a>
          ) : (
            <a href={`${at}?decision=deny#records`}>Only what was denied</a>
          )}
        </span>
      </div>
      {events === null && <p class="notice warn">{`It cannot be shown: ${wordsOf(said)}`}</p>}
      {events?.length === 0 && (
        <p class="quiet">{isDenied ? "Nothing was denied." : "Nothing so far, or nothing that is kept still."}</p>
      )}
      {events && <Timeline events={events} now={now} linked />}
      <p class="row">
        {!isFirst && <a href={`${at}?${filter}#records`}>The latest</a>}
        {events?.length === MOST_RECORDS && last && (
          <a
            class="end"
            href={`${at}?${[filter, `before=${last.id}`].filter((each) => each !== "").join("&")}#records`}
          >
            Earlier
          </a>
        )}
      </p>
    </section>
  )
}

const KINDS: Readonly<Record<string, string>> = {
  exchange: "a token was asked for",
  approval: "people were asked, or answered",
  end: "it was ended, or frozen",
}
/** By where it was asked for. */
const ENDS: Readonly<Record<string, string>> = {
  complete: "it was ended",
  abort: "it was given up",
  quarantine: "it was frozen",
  release: "it was let go on",
}

function eventOf({ id, at, kind, decision, code, tool, action, operator, chain, ...record }: Decision): Event {
  const act = record.path?.split("/").at(-1) ?? ""
  const done = (kind === "end" ? ENDS[act] : undefined) ?? KINDS[kind] ?? kind
  const what = tool === null ? done : `${tool}${action === null ? "" : ` (${action})`}`
  const why = whyOf(decision, record)
  const by = operator ?? chain.at(-1) ?? null
  return { id, at, what, by, decision, code, ...(why !== "" && { why }) }
}

function whyOf(
  decision: Decision["decision"],
  { denial, rules, arguments: told }: Pick<Decision, "denial" | "rules" | "arguments">,
): string {
  const said = typeof told["reason"] === "string" ? `“${told["reason"]}”` : undefined
  const named = decision === "deny" && rules.length > 0 ? `rules ${rules.join(", ")}` : undefined
  return [denial?.reason.replaceAll("_", " "), named, said].filter((each) => each !== undefined).join("; ")
}

function wordsOf({ body }: Said): string {
  const said = typeof body === "object" && body !== null && "error_description" in body ? body.error_description : null
  return typeof said === "string" ? said : "the API did not say why."
}
