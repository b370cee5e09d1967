/** One call that waits for people: shown verbatim, with all that it takes to judge it; and their answer. */
import type { FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { Json, partsOf } from "../../web/json.tsx"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { shortened, markInvisible } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { askedCallPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import { descriptionOf, isOperator, type ApiResponse, type PageRequest } from "../layout/page-request.ts"
import { SECTIONS } from "../layout/sections.ts"
import { Answer, answerIn, notUnderstood } from "./answer.tsx"
import { Figures, History, Votes } from "./call-situation.tsx"
import { ChainPicture, linksOf } from "./chain.tsx"
import { nothingWaits } from "./nothing-waits.tsx"
import { unanswerableText, yesText } from "./question-words.ts"
import { askedCall, type AskedCall } from "../../api/contract/approvals-console.ts"
import { WhyAsked } from "./why-asked.tsx"

export const callApprovalPage = {
  path: "/approvals/:task/:approval",
  section: "approvals",
  readers: "everybody",
  view: showCall,
  forms: [{ senders: "everybody", act: answerCall }],
} as const satisfies PageDefinition

async function showCall(request: PageRequest): Promise<Response> {
  return page(request, null)
}

/** A form's answer. What the API refuses is told on the page, which shows how it is by now. */
async function answerCall(request: PageRequest, form: Form): Promise<Response> {
  const decision = answerIn(form)
  if (decision === null) return notUnderstood(request)
  const reason = form.get("reason")?.trim() ?? ""
  // Where nothing is to be chosen, one call is what the page says.
  const uses = form.get("uses") ?? "1"
  const { api, own } = pathsOf(request)
  const response = await request.callApi("POST", api, {
    approve: decision === "approve",
    ...(decision === "approve" && { uses: Number(uses) }),
    ...(reason !== "" && { reason }),
  })
  return response.status === 200 ? seeOther(own) : page(request, response)
}

function pathsOf({ c }: PageRequest): { readonly api: string; readonly own: string } {
  const [task, id] = [c.req.param("task") ?? "", c.req.param("approval") ?? ""]
  const api = `/v1/tasks/${encodeURIComponent(task)}/approvals/${encodeURIComponent(id)}`
  return { api, own: askedCallPath(task, id) }
}

/** @param refused the API's answer to one of theirs */
async function page(request: PageRequest, refused: ApiResponse | null): Promise<Response> {
  const { api, own } = pathsOf(request)
  const response = await request.callApi("GET", api)
  if (response.status === 404) return nothingWaits(request, refused !== null, refused === null ? NOTHING : OVER)
  if (response.status !== 200) return failurePage(request, response)
  const approval = askedCall.parse(response.body)
  const now = request.context.receivedAt
  const linked = isOperator(request.reader)
  const parts = partsOf(approval.arguments, approval.redacted)
  const part = Math.min(Math.max(1, Number.parseInt(request.c.req.query("part") ?? "1", 10) || 1), parts.length)
  return respondPage(
    <ConsolePage title={`Call of ${markInvisible(approval.tool)}`} request={request}>
      <p>
        <a href={SECTIONS.approvals.href}>Approvals</a>
      </p>
      <h1>
        <Text of={approval.tool} most={160} />
      </h1>
      <Standing approval={approval} now={now} />
      {refused && <NotTaken refused={refused} approval={approval} />}
      <Votes approval={approval} now={now} />
      <div class="columns">
        <div>
          <section class="card">
            <h2>The call, as it would be made</h2>
            <dl class="facts">
              <dt>Tool</dt>
              <dd>
                <code>
                  <Text of={approval.tool} />
                </code>
              </dd>
              <dt>Method</dt>
              <dd>
                <Text of={approval.method} most={40} />
              </dd>
              <dt>Environment</dt>
              <dd>
                <Text of={approval.environment} most={120} />
              </dd>
              <dt>Purpose</dt>
              <dd>
                <Text of={approval.purpose} most={300} />
              </dd>
            </dl>
            <h3 id="arguments">Arguments</h3>
            {parts.length > 1 && <Parts part={part} of={parts.length} own={own} />}
            <Json pieces={parts[part - 1] ?? []} />
            {approval.redacted.length > 0 && (
              <p class="quiet">
                What is redacted is kept from people by the catalog. It is part of what is approved of all the same: a
                call with another value asks again.
              </p>
            )}
          </section>
          <WhyAsked approval={approval} />
        </div>
        <aside>
          <section class="card">
            <h2>Who calls</h2>
            <ChainPicture links={linksOf(approval.user, approval.chain, approval.tool)} />
          </section>
          <Figures approval={approval} now={now} linked={linked} />
        </aside>
      </div>
      <section class="card">
        <h2>What this tree of tasks has done so far</h2>
        <History approval={approval} now={now} linked={linked} />
      </section>
      {approval.unanswerable === null ? (
        <Answer
          reader={request.reader}
          action={own}
          yes={yesText(approval, now)}
          no="The call is refused, and asked again it stays refused until this question is over. One no is enough."
          mostUses={approval.most_uses}
          takesReason
          what="this call"
        />
      ) : (
        <p class={approval.unanswerable === "own" ? "notice warn" : "notice"} id="answer">
          {unanswerableText(approval.unanswerable, approval)}
        </p>
      )}
    </ConsolePage>,
    { status: refused ? refused.status : 200 },
  )
}

const OVER = "Your answer was not taken: the question is over, or it is not asked of you."
const NOTHING =
  "The question is over, it was never asked of you, or there is none under this address. Nobody answers what is done in their own name."

const Standing: FC<{ readonly approval: AskedCall; readonly now: number }> = ({ approval, now }) => {
  const { status, votes, need, uses, expires_at, agent } = approval
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
      {approval.unanswerable === null && <a href="#answer">To your answer</a>}
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

/** What they said was not taken. */
const NotTaken: FC<{ readonly refused: ApiResponse; readonly approval: AskedCall }> = ({ refused, approval }) => {
  const words = approval.unanswerable === "answered" ? "Somebody has answered already" : null
  const described =
    approval.unanswerable === null
      ? (descriptionOf(refused) ?? "The API did not say why.")
      : unanswerableText(approval.unanswerable, approval)
  return (
    <p class="notice bad" role="alert">{`Your answer was not taken. ${words === null ? described : `${words}.`}`}</p>
  )
}
