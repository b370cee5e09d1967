/** One call that waits for people: shown verbatim, with all that it takes to judge it; and their answer. */
import type { FC } from "hono/jsx"
import type { Form } from "../../page/form.ts"
import { Json, partsOf } from "../../page/json.tsx"
import { respondPage, seeOther } from "../../page/page.tsx"
import { fromNow, Moment, Text } from "../../page/text.tsx"
import { shortened, visible } from "../../page/visible.ts"
import { apology, ConsolePage } from "../frame.tsx"
import { inRows, Timeline } from "../timeline.tsx"
import type { Said, Visit } from "../visit.tsx"
import { Answer } from "./answer.tsx"
import { ChainPicture, linksOf } from "./chain.tsx"
import { SECTION, whoAsks } from "./inbox.tsx"
import { askedCall, type AskedCall } from "./said.ts"

/** Calls of the tree that are shown at once; the others are folded. */
const MOST_SHOWN = 6
/** Characters of a rule or guardrail. */
const MOST_TEXT = 3_000
const MOST_RULES = 4

export async function showCall(visit: Visit): Promise<Response> {
  return page(visit, null)
}

/** A form's answer. What the API refuses is told on the page, which shows how it is by now. */
export async function answerCall(visit: Visit, form: Form): Promise<Response> {
  const decision = form.get("decision")
  const reason = form.get("reason")?.trim() ?? ""
  const uses = form.get("uses")
  const body = {
    approve: decision === "approve",
    ...(decision === "approve" && uses !== null && { uses: Number(uses) }),
    ...(reason !== "" && { reason }),
  }
  const { api, own } = pathsOf(visit)
  if (decision !== "approve" && decision !== "reject") return apology(visit, SECTION, NOT_UNDERSTOOD)
  const said = await visit.ask("POST", api, body)
  return said.status === 200 ? seeOther(own) : page(visit, said)
}

const NOT_UNDERSTOOD: Said = { status: 400, body: { error_description: "Neither of the two answers was given." } }

function pathsOf({ c }: Visit): { readonly api: string; readonly own: string } {
  const [task, id] = [c.req.param("task") ?? "", c.req.param("approval") ?? ""].map(encodeURIComponent)
  return { api: `/v1/tasks/${task}/approvals/${id}`, own: `${SECTION}/${task}/${id}` }
}

/** @param refused the API's answer to one of theirs */
async function page(visit: Visit, refused: Said | null): Promise<Response> {
  const { api, own } = pathsOf(visit)
  const said = await visit.ask("GET", api)
  if (said.status === 404) return nothing(visit, refused !== null)
  if (said.status !== 200) return apology(visit, SECTION, said)
  const asked = askedCall.parse(said.body)
  const now = visit.around.receivedAt
  const parts = partsOf(asked.arguments, asked.redacted)
  const part = Math.min(Math.max(1, Number.parseInt(visit.c.req.query("part") ?? "1", 10) || 1), parts.length)
  return respondPage(
    <ConsolePage title={`Call of ${visible(asked.tool)}`} visit={visit} section={SECTION}>
      <p>
        <a href={SECTION}>Approvals</a>
      </p>
      <h1>
        <Text of={asked.tool} most={160} />
      </h1>
      <Standing asked={asked} now={now} />
      {refused && <NotTaken refused={refused} asked={asked} />}
      <Votes asked={asked} now={now} />
      <div class="columns">
        <div>
          <section class="card">
            <h2>The call, as it would be made</h2>
            <dl class="facts">
              <dt>Tool</dt>
              <dd>
                <code>
                  <Text of={asked.tool} />
                </code>
              </dd>
              <dt>Environment</dt>
              <dd>
                <Text of={asked.environment} most={120} />
              </dd>
              <dt>Purpose</dt>
              <dd>
                <Text of={asked.purpose} most={300} />
              </dd>
            </dl>
            <h3 id="arguments">Arguments</h3>
            {parts.length > 1 && <Parts part={part} of={parts.length} own={own} />}
            <Json pieces={parts[part - 1] ?? []} />
            {asked.redacted.length > 0 && (
              <p class="quiet">
                What is redacted is kept from people by the catalog. It is part of what is approved of all the same: a
                call with another value asks again.
              </p>
            )}
          </section>
          <Reason asked={asked} />
        </div>
        <aside>
          <section class="card">
            <h2>Who calls</h2>
            <ChainPicture links={linksOf(asked.user, asked.chain, asked.tool)} />
          </section>
          <Figures asked={asked} now={now} visit={visit} />
        </aside>
      </div>
      <section class="card">
        <h2>What this tree of tasks has done so far</h2>
        <History asked={asked} now={now} linked={visit.visitor.roles.length > 0} />
      </section>
      {asked.unanswerable === null ? (
        <Answer
          visitor={visit.visitor}
          action={own}
          yes={yesText(asked, now)}
          no="The call is refused, and asked again it stays refused until this question is over. One no is enough."
          mostUses={asked.most_uses}
          takesReason
          what="this call"
        />
      ) : (
        <p class={asked.unanswerable === "own" ? "notice warn" : "notice"} id="answer">
          {unanswerableText(asked.unanswerable, asked)}
        </p>
      )}
    </ConsolePage>,
    { status: refused ? refused.status : 200 },
  )
}

const Standing: FC<{ readonly asked: AskedCall; readonly now: number }> = ({ asked, now }) => {
  const { status, votes, need, uses, expires_at, agent } = asked
  const agreed = `${votes.filter(({ approved }) => approved).length} of ${need} ${need === 1 ? "person has" : "people have"} agreed`
  return (
    <p class="row lead">
      {status === "pending" && <span class="badge warn">waits for an answer</span>}
      {status === "approved" && <span class="badge good">{uses > 0 ? "approved" : "approved, and used up"}</span>}
      {status === "rejected" && <span class="badge bad">rejected</span>}
      <span>{`${shortened(agent, 60, "end")} asks to make this call. ${agreed}.`}</span>
      <span>
        {status === "pending" ? "It can be answered until " : "What was said holds until "}
        <Moment at={expires_at} now={now} />
      </span>
      {asked.unanswerable === null && <a href="#answer">To your answer</a>}
    </p>
  )
}

const Parts: FC<{ readonly part: number; readonly of: number; readonly own: string }> = ({ part, of, own }) => (
  <div class="notice warn">
    <p>{`They are long: this is part ${part} of ${of}. Read all of them before you answer.`}</p>
    <p class="row">
      {Array.from({ length: of }, (_, index) => (
        <a href={`${own}?part=${index + 1}#arguments`} {...(index + 1 === part && { "aria-current": "true" as const })}>
          {`Part ${index + 1}`}
        </a>
      ))}
    </p>
  </div>
)

const Reason: FC<{ readonly asked: AskedCall }> = ({ asked }) => {
  const { rules, guardrail } = asked.reason
  return (
    <section class="card">
      <h2>Why you are asked</h2>
      <p>
        <Text of={`Asked by ${whoAsks(asked)}.`} most={400} />
      </p>
      {rules.slice(0, MOST_RULES).map(({ id, annotations = {}, text }) => (
        <>
          <h3>
            Rule{" "}
            <code>
              <Text of={id} most={120} />
            </code>
          </h3>
          <dl class="facts">
            {Object.entries(annotations)
              .filter(([name]) => name !== "id")
              .slice(0, 8)
              .map(([name, value]) => (
                <>
                  <dt>{shortened(`@${name}`, 40)}</dt>
                  <dd>
                    <Text of={value ?? ""} most={300} />
                  </dd>
                </>
              ))}
          </dl>
          {text === undefined ? (
            <p class="quiet">It is in the rules no more.</p>
          ) : (
            <Definition of={text} what="The rule, in Cedar" />
          )}
        </>
      ))}
      {rules.length > MOST_RULES && <p class="quiet">{`And ${rules.length - MOST_RULES} more.`}</p>}
      {asked.guardrail !== null &&
        (guardrail ? (
          <Definition of={JSON.stringify(guardrail, null, 2)} what="The guardrail, as it is defined" />
        ) : (
          <p class="quiet">The guardrail is in the rules no more.</p>
        ))}
    </section>
  )
}

const Definition: FC<{ readonly of: string; readonly what: string }> = ({ of, what }) => (
  <details>
    <summary>{what}</summary>
    <pre tabindex={0}>
      <Written of={of} />
    </pre>
  </details>
)

/** Line by line: its own line breaks are no hidden characters. */
const Written: FC<{ readonly of: string }> = ({ of }) => (
  <>
    {(of.length > MOST_TEXT ? `${of.slice(0, MOST_TEXT)}\n…` : of).split("\n").map((line) => (
      <>
        <Text of={line} />
        {"\n"}
      </>
    ))}
  </>
)

const Figures: FC<{ readonly asked: AskedCall; readonly now: number; readonly visit: Visit }> = ({
  asked,
  now,
  visit,
}) => {
  const { risk, need, votes, most_uses, uses, asked_at, task, status } = asked
  const agreed = votes.filter(({ approved }) => approved).length
  const isOperator = visit.visitor.roles.length > 0
  return (
    <section class="card">
      <h2>How it stands</h2>
      <dl class="facts">
        <dt id="risk">Risk told</dt>
        <dd>
          {risk === null ? (
            "not known at the moment"
          ) : (
            <>
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
            </>
          )}
        </dd>
        <dt id="agreed">Agreed</dt>
        <dd>
          {`${agreed} of ${need}`}
          {need > 1 && (
            <meter aria-labelledby="agreed" min="0" max={need} value={agreed}>{`${agreed} of ${need}`}</meter>
          )}
        </dd>
        <dt>Calls</dt>
        <dd>
          {status === "approved"
            ? `${uses} left to pass`
            : most_uses === 1
              ? "a yes lets one pass"
              : `a yes lets up to ${most_uses} pass`}
        </dd>
        <dt>Asked</dt>
        <dd>
          <Moment at={asked_at} now={now} />
        </dd>
        <dt>Task</dt>
        <dd>
          {isOperator ? (
            <a class="mono" href={`/console/tasks/${task}`}>
              {task}
            </a>
          ) : (
            <code>{task}</code>
          )}
        </dd>
      </dl>
    </section>
  )
}

/** @param linked to records, which are operators' to read */
const History: FC<{ readonly asked: AskedCall; readonly now: number; readonly linked: boolean }> = ({
  asked,
  now,
  linked,
}) => {
  const { history, decision } = asked
  if (history === null) return <p class="notice warn">It cannot be known at the moment what was called before.</p>
  const calls = history
    .filter(({ id }) => id !== decision)
    .map(({ id, at, tool, action, chain, decision: said, code }) => {
      const what = tool === null ? "an unknown tool" : `${tool}${action === null ? "" : ` (${action})`}`
      const by = chain.at(-1) ?? null
      return { id, at, what, by, decision: said, code }
    })
  const events = inRows(calls)
  if (events.length === 0) return <p class="quiet">Nothing besides this: it is the first call.</p>
  const [first, others] = [events.slice(0, MOST_SHOWN), events.slice(MOST_SHOWN)]
  return (
    <>
      <Timeline events={first} now={now} linked={linked} />
      {others.length > 0 && (
        <details>
          <summary>{`${others.length} earlier`}</summary>
          <Timeline events={others} now={now} linked={linked} />
        </details>
      )}
    </>
  )
}

const Votes: FC<{ readonly asked: AskedCall; readonly now: number }> = ({ asked: { votes }, now }) => (
  <>
    {votes.length > 0 && (
      <section class="card">
        <h2>What was said</h2>
        <ul class="timeline">
          {votes.map(({ by, approved, reason, at }) => (
            <li class={approved ? "good" : "bad"}>
              <strong>
                <Text of={by} most={200} />
              </strong>{" "}
              {approved ? <span class="badge good">approved</span> : <span class="badge bad">rejected</span>}
              <div class="quiet">
                <Moment at={at} now={now} />
              </div>
              {reason !== null && (
                <div>
                  “<Text of={reason} most={600} />”
                </div>
              )}
            </li>
          ))}
        </ul>
      </section>
    )}
  </>
)

function yesText({ need, votes, most_uses, expires_at }: AskedCall, now: number): string {
  const lacking = need - votes.length - 1
  const many = most_uses === 1 ? "This very call passes once" : "This very call passes, as often as you say"
  const others = lacking > 0 ? `, once ${lacking} more ${lacking === 1 ? "person agrees" : "people agree"}` : ""
  return `${many}${others}, if the agent makes it before this is over, ${fromNow(expires_at, now)}. Everything else is looked at again.`
}

export function unanswerableText(
  why: NonNullable<AskedCall["unanswerable"]>,
  { name }: Pick<AskedCall, "name">,
): string {
  switch (why) {
    case "own":
      return "This is your own task: nobody approves of what is done in their own name."
    case "no operator":
      return "This is asked of operators: you may look at it, and the role approver, with a rule that permits it, answers it."
    case "stranger":
      return name === null
        ? "This is not asked of you."
        : `This is asked of others: those whom approvers.yaml lists as ${visible(name)}.`
    case "answered":
      return "It is answered."
    case "voted":
      return "You have answered already. It waits for others."
    case "expired":
    case "unknown":
      return "It is over: the task has ended, or the time for an answer."
    case "frozen":
      return "Its task is frozen: once an operator lets it go on, this can be answered."
    case "too many uses":
      return "It cannot be answered."
    default:
      return why satisfies never
  }
}

/** What they said was not taken. */
const NotTaken: FC<{ readonly refused: Said; readonly asked: AskedCall }> = ({ refused, asked }) => {
  const words = asked.unanswerable === "answered" ? "Somebody has answered already" : null
  const described = asked.unanswerable === null ? descriptionOf(refused) : unanswerableText(asked.unanswerable, asked)
  return (
    <p class="notice bad" role="alert">{`Your answer was not taken. ${words === null ? described : `${words}.`}`}</p>
  )
}

function descriptionOf({ body }: Said): string {
  const said = typeof body === "object" && body !== null && "error_description" in body ? body.error_description : null
  return typeof said === "string" ? said : "The API did not say why."
}

/** @param answered whether they have tried to */
function nothing(visit: Visit, answered: boolean): Promise<Response> {
  return respondPage(
    <ConsolePage title="Nothing waits here" visit={visit} section={SECTION} narrow>
      <h1>{answered ? "It is over" : "Nothing waits here"}</h1>
      <p>
        {answered
          ? "Your answer was not taken: the question is over, or it is not asked of you."
          : "The question is over, it was never asked of you, or there is none under this address. Nobody answers what is done in their own name."}
      </p>
      <p>
        <a class="button" href={SECTION}>
          To what waits for you
        </a>
      </p>
    </ConsolePage>,
    { status: 404 },
  )
}
