/** A task that waits for the reader's consent before it begins: what it would be allowed at most, in plain words. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, spanText, Text } from "../../web/text.tsx"
import { shortened, markInvisible } from "../../web/visible.ts"
import { apology, ConsolePage } from "../layout/frame.tsx"
import { askedTaskPath } from "../layout/paths.ts"
import type { PageRequest } from "../layout/visit.tsx"
import { Answer, answerIn, notUnderstood } from "./answer.tsx"
import { boundText, scopesByAction } from "./grant-words.ts"
import { SECTION } from "./inbox.tsx"
import { nothingWaits } from "./nothing-waits.tsx"
import type { AskedTask } from "../../api/contract/approvals.ts"

/** Tools of one kind of access, bounds, and steps that are shown at once. */
const MOST = 60

export async function showTask(visit: PageRequest): Promise<Response> {
  return page(visit, false)
}

export async function answerTask(visit: PageRequest, form: Form): Promise<Response> {
  const decision = answerIn(form)
  if (decision === null) return notUnderstood(visit)
  const { api, own } = pathsOf(visit)
  const said = await visit.ask("POST", api, { decision })
  if (said.status === 200) return seeOther(own)
  return said.status === 404 ? page(visit, true) : apology(visit, SECTION, said)
}

function pathsOf({ c }: PageRequest): { readonly api: string; readonly own: string } {
  const task = c.req.param("task") ?? ""
  return { api: `/v1/approvals/${encodeURIComponent(task)}`, own: askedTaskPath(task) }
}

/** @param refused whether an answer of theirs was not taken, as there was nothing to answer any more */
async function page(visit: PageRequest, refused: boolean): Promise<Response> {
  const { api, own } = pathsOf(visit)
  const said = await visit.ask("GET", api)
  if (said.status === 404)
    return nothingWaits(visit, refused, `${refused ? "Your answer was not taken. " : ""}${NOTHING}`)
  if (said.status !== 200) return apology(visit, SECTION, said)
  const asked = CONTRACT.showApproval.answer().parse(said.body)
  const now = visit.context.receivedAt
  const { agent, purpose, binding_message: message, status, expires_at } = asked
  return respondPage(
    <ConsolePage title={`Task ${markInvisible(purpose)}`} visit={visit} section={SECTION}>
      <p>
        <a href={SECTION}>Approvals</a>
      </p>
      <h1>
        <Text of={purpose} most={160} />
      </h1>
      {refused && (
        <p class="notice bad" role="alert">
          Your answer was not taken: you have answered already.
        </p>
      )}
      <p class="row lead">
        {status === "pending" && <span class="badge warn">waits for your answer</span>}
        {status === "approved" && <span class="badge good">you have approved</span>}
        {status === "rejected" && <span class="badge bad">you have rejected</span>}
        <span>{`${shortened(agent, 80, "end")} wants to begin this task in your name.`}</span>
        {status === "pending" && (
          <>
            <span>
              It can be answered until <Moment at={expires_at} now={now} />
            </span>
            <a href="#answer">To your answer</a>
          </>
        )}
      </p>
      {message !== null && (
        <section class="card">
          <h2>The agent says</h2>
          <p>
            “<Text of={message} />”
          </p>
          <p class="quiet">These are its own words. What holds is below.</p>
        </section>
      )}
      <div class="columns">
        <section class="card">
          <h2>What it would be allowed</h2>
          <Allowed asked={asked} />
        </section>
        <section class="card">
          <h2>How far</h2>
          <Bounds asked={asked} />
        </section>
      </div>
      {status === "pending" && (
        <Answer
          visitor={visit.visitor}
          action={own}
          yes={`The agent gets a token for this task, in your name, for at most ${spanText(asked.life * 1000)}. You can end it at any time by way of an operator.`}
          no="Nothing begins: the agent is told that you said no."
          mostUses={1}
          takesReason={false}
          what="this task"
        />
      )}
      {status === "approved" && <p class="notice good">You have approved of it. The agent may begin.</p>}
      {status === "rejected" && <p class="notice bad">You have rejected it. Nothing begins.</p>}
    </ConsolePage>,
    { status: refused ? 404 : 200 },
  )
}

const NOTHING = "The request is over, it was never asked of you, or there is none under this address."

const Allowed: FC<{ readonly asked: AskedTask }> = ({ asked: { scope, authorization_details: details } }) => (
  <>
    {scopesByAction(scope).map(({ words, tools }) => (
      <>
        <h3>{words}</h3>
        <ul>
          {tools.slice(0, MOST).map((tool) => (
            <li>
              <code>
                <Text of={tool} most={160} />
              </code>
            </li>
          ))}
        </ul>
        {tools.length > MOST && <p class="quiet">{`And ${tools.length - MOST} more.`}</p>}
      </>
    ))}
    {(details ?? []).slice(0, MOST).flatMap(({ tools, arguments: bounds = {}, max_sensitivity }) => {
      const only = Object.entries(bounds)
      return only.length === 0 ? (
        []
      ) : (
        <>
          <h3>
            Only, with <Text of={tools.join(", ")} most={160} />
          </h3>
          <ul>
            {only.slice(0, MOST).map(([name, bound]) => (
              <li>
                <Text of={boundText(name, bound)} most={300} />
              </li>
            ))}
            <li>{`nothing more sensitive than ${shortened(max_sensitivity, 40)}`}</li>
          </ul>
        </>
      )
    })}
  </>
)

const Bounds: FC<{ readonly asked: AskedTask }> = ({ asked: { audience, calls, life, plan, task, agent } }) => (
  <dl class="facts">
    <dt>Agent</dt>
    <dd>
      <code>
        <Text of={agent} />
      </code>
    </dd>
    <dt>Where</dt>
    <dd>
      only at{" "}
      <code>
        <Text of={audience} />
      </code>
      , and nowhere else
    </dd>
    <dt>Calls</dt>
    <dd>{calls === null ? "as many as guardrails let it" : `${calls} at most`}</dd>
    <dt>Life</dt>
    <dd>{`${spanText(life * 1000)} at most`}</dd>
    <dt>Plan</dt>
    <dd>
      {plan === null ? (
        "none: in any order"
      ) : (
        <ol class="plan">
          {plan.slice(0, MOST).map(({ tools, times }) => (
            <li>
              <Text of={tools.join(" or ")} most={160} />
              {times > 1 && `, up to ${times} times`}
            </li>
          ))}
        </ol>
      )}
    </dd>
    <dt>Task</dt>
    <dd>
      <code>{task}</code>
    </dd>
  </dl>
)
