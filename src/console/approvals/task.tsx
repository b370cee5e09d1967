/** A task that waits for the reader's consent before it begins: what it would be allowed at most, in plain words. */
import type { FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, spanText, Text } from "../../web/text.tsx"
import { shortened, markInvisible } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { askedTaskPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { Answer, answerIn, notUnderstood } from "./answer.tsx"
import { boundText, scopesByAction } from "./grant-words.ts"
import { nothingWaits } from "./nothing-waits.tsx"
import { askedTask, type AskedTask } from "../../api/contract/approvals-console.ts"

export const taskApprovalPage = {
  path: "/approvals/:task",
  section: "approvals",
  readers: "everybody",
  view: showTask,
  forms: [{ senders: "everybody", act: answerTask }],
} as const satisfies PageDefinition

/** Tools of one kind of access, bounds, and steps that are shown at once. */
const MOST = 60

async function showTask(request: PageRequest): Promise<Response> {
  return page(request, false)
}

async function answerTask(request: PageRequest, form: Form): Promise<Response> {
  const decision = answerIn(form)
  if (decision === null) return notUnderstood(request)
  const { api, own } = pathsOf(request)
  const response = await request.callApi("POST", api, { decision })
  if (response.status === 200) return seeOther(own)
  return response.status === 404 ? page(request, true) : failurePage(request, response)
}

function pathsOf({ c }: PageRequest): { readonly api: string; readonly own: string } {
  const task = c.req.param("task") ?? ""
  return { api: `/v1/approvals/${encodeURIComponent(task)}`, own: askedTaskPath(task) }
}

/** @param refused whether an answer of theirs was not taken, as there was nothing to answer any more */
async function page(request: PageRequest, refused: boolean): Promise<Response> {
  const { api, own } = pathsOf(request)
  const response = await request.callApi("GET", api)
  if (response.status === 404)
    return nothingWaits(request, refused, `${refused ? "Your answer was not taken. " : ""}${NOTHING}`)
  if (response.status !== 200) return failurePage(request, response)
  const approval = askedTask.parse(response.body)
  const now = request.context.receivedAt
  const { agent, purpose, binding_message: message, status, expires_at } = approval
  return respondPage(
    <ConsolePage title={`Task ${markInvisible(purpose)}`} request={request}>
      <p>
        <a href={SECTIONS.approvals.href}>Approvals</a>
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
          <Allowed approval={approval} />
        </section>
        <section class="card">
          <h2>How far</h2>
          <Bounds approval={approval} />
        </section>
      </div>
      {status === "pending" && (
        <Answer
          reader={request.reader}
          action={own}
          yes={`The agent gets a token for this task, in your name, for at most ${spanText(approval.life * 1000)}. You can end it at any time by way of an operator.`}
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

const Allowed: FC<{ readonly approval: AskedTask }> = ({ approval: { scope, authorization_details: details } }) => (
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

const Bounds: FC<{ readonly approval: AskedTask }> = ({ approval: { audience, calls, life, plan, task, agent } }) => (
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
