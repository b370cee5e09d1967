/** A task that starts only with the reader's consent: what it would be allowed at most, in plain words. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { boundInWords, OFFLINE_IN_WORDS } from "../../core/task/grant-words.ts"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, spanText, Text } from "../../web/text.tsx"
import { shortened, markInvisible } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { taskApprovalPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import type { PageRequest } from "../layout/page-request.ts"
import { Answer, answerIn, noAnswer } from "./answer.tsx"
import { scopesByAction } from "./grant-words.ts"
import { KeyFacts } from "./key-facts.tsx"
import { approvalNotFound } from "./not-found.tsx"
import type { TaskApproval } from "../../api/contract/approvals.ts"

export const taskApprovalPage = {
  path: "/approvals/:task",
  section: "approvals",
  readers: "everybody",
  view: showTask,
  forms: [{ senders: "everybody", act: answerTask }],
} as const satisfies PageDefinition

/** The tools of one action, the bounds, and the steps of a plan that are shown. */
const MOST = 60

async function showTask(request: PageRequest): Promise<Response> {
  return page(request, false)
}

async function answerTask(request: PageRequest, form: Form): Promise<Response> {
  const decision = answerIn(form)
  if (decision === null) return noAnswer(request)
  const { api, own } = pathsOf(request)
  const response = await request.callApi("POST", api, { decision })
  if (response.status === 200) return seeOther(own)
  return response.status === 404 ? page(request, true) : failurePage(request, response)
}

function pathsOf({ c }: PageRequest): { readonly api: string; readonly own: string } {
  const task = c.req.param("task") ?? ""
  return { api: `/v1/approvals/${encodeURIComponent(task)}`, own: taskApprovalPath(task) }
}

/** @param rejected whether the API found nothing to answer when the reader answered */
async function page(request: PageRequest, rejected: boolean): Promise<Response> {
  const { api, own } = pathsOf(request)
  const response = await request.callApi("GET", api)
  if (response.status === 404)
    return approvalNotFound(request, rejected, `${rejected ? "Your answer was not recorded. " : ""}${NO_APPROVAL}`)
  if (response.status !== 200) return failurePage(request, response)
  const approval = CONTRACT.showApproval.answer().parse(response.body)
  const now = request.context.receivedAt
  const { agent, purpose, binding_message: message, status, expires_at } = approval
  return respondPage(
    <ConsolePage title={`New task: ${markInvisible(purpose)}`} request={request}>
      <h1>
        <Text of={purpose} most={100} />
      </h1>
      {rejected && (
        <p class="notice bad" role="alert">
          Your answer was not recorded: you have answered before.
        </p>
      )}
      <p class="row lead">
        {status === "pending" && <span class="badge warn">Pending</span>}
        {status === "approved" && <span class="badge good">Approved</span>}
        {status === "rejected" && <span class="badge bad">Rejected</span>}
        <span>A new task</span>
        {status === "pending" && (
          <>
            <span>
              Expires <Moment at={expires_at} now={now} />
            </span>
            <a href="#answer">Terms</a>
          </>
        )}
      </p>
      <KeyFacts agent={agent} user={request.reader.user}>
        <dt>Tools</dt>
        <dd>
          <Text of={approval.scope} most={60} />
        </dd>
        {message !== null && (
          <>
            <dt>Agent's words</dt>
            <dd>
              “<Text of={message} />”
            </dd>
          </>
        )}
      </KeyFacts>
      <div class="columns">
        <section class="card">
          <h2>Tools</h2>
          <Allowed approval={approval} />
        </section>
        <section class="card">
          <h2>Limits</h2>
          <Bounds approval={approval} />
        </section>
      </div>
      {status === "pending" && (
        <Answer
          reader={request.reader}
          action={own}
          yes={`The agent gets a token for this task and acts for you, for at most ${spanText(approval.life * 1000)}. An operator can end the task at any time.`}
          no="The task does not start. The agent learns that you rejected it."
          mostUses={1}
          takesReason={false}
          what="this task"
        />
      )}
      {status === "approved" && <p class="notice good">Approved. The agent can start the task.</p>}
      {status === "rejected" && <p class="notice bad">Rejected. The task does not start.</p>}
    </ConsolePage>,
    { status: rejected ? 404 : 200 },
  )
}

const NO_APPROVAL = "There is no approval at this address, it has expired, or it is for another user."

const Allowed: FC<{ readonly approval: TaskApproval }> = ({ approval: { scope, authorization_details: details } }) => (
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
        {tools.length > MOST && <p class="quiet">{`${tools.length - MOST} more tools.`}</p>}
      </>
    ))}
    {(details ?? []).slice(0, MOST).flatMap(({ tools, arguments: bounds = {}, closed, max_sensitivity }) => {
      const only = Object.entries(bounds)
      return only.length === 0 && !closed ? (
        []
      ) : (
        <>
          <h3>
            Only if, with <Text of={tools.join(", ")} most={160} />
          </h3>
          <ul>
            {only.slice(0, MOST).map(([name, bound]) => (
              <li>
                <Text of={boundInWords(name, bound)} most={300} />
              </li>
            ))}
            {closed && <li>there is no other argument</li>}
            <li>{`the sensitivity is at most ${shortened(max_sensitivity, 40)}`}</li>
          </ul>
        </>
      )
    })}
  </>
)

const Bounds: FC<{ readonly approval: TaskApproval }> = ({
  approval: { audience, calls, life, offline, plan, task, agent },
}) => (
  <dl class="facts">
    <dt>Agent</dt>
    <dd>
      <code>
        <Text of={agent} />
      </code>
    </dd>
    <dt>Audience</dt>
    <dd>
      <code>
        <Text of={audience} />
      </code>{" "}
      only
    </dd>
    <dt>Calls</dt>
    <dd>{calls === null ? "No limit but guardrails" : `${calls} at most`}</dd>
    <dt>Duration</dt>
    <dd>{`${spanText(life * 1000)} at most. ${offline ? OFFLINE_IN_WORDS : ""}`}</dd>
    <dt>Plan</dt>
    <dd>
      {plan === null ? (
        "None: calls in any order"
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
