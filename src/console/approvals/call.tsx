/** One call that waits for approval: shown verbatim, with the facts to decide it by, and the form that answers it. */
import { CONTRACT } from "../../api/contract/contract.ts"
import type { FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { Json, partsOf } from "../../web/json.tsx"
import { respondPage, seeOther } from "../../web/page.tsx"
import { Moment, Text } from "../../web/text.tsx"
import { markInvisible } from "../../web/visible.ts"
import { ConsolePage, failurePage } from "../layout/frame.tsx"
import { callApprovalPath } from "../layout/paths.ts"
import type { PageDefinition } from "../layout/page-definition.ts"
import {
  descriptionOf,
  isOperator,
  NO_REASON_GIVEN,
  type ApiResponse,
  type PageRequest,
} from "../layout/page-request.ts"
import { Answer, answerIn, noAnswer } from "./answer.tsx"
import { Figures, History, Votes } from "./call-situation.tsx"
import { ChainPicture, linksOf } from "./chain.tsx"
import { KeyArguments, KeyFacts } from "./key-facts.tsx"
import { approvalNotFound } from "./not-found.tsx"
import { approveText, rejectText, unanswerableText } from "./words.ts"
import type { CallApprovalDetail } from "../../api/contract/approvals.ts"
import { WhyApproval } from "./reason.tsx"

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

/** Sends the answer of a form to the API. If the API rejects it, the page says why and shows the status of now. */
async function answerCall(request: PageRequest, form: Form): Promise<Response> {
  const decision = answerIn(form)
  if (decision === null) return noAnswer(request)
  const reason = form.get("reason")?.trim() ?? ""
  // Without a choice the form has no field `uses`, and the page says one call.
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
  return { api, own: callApprovalPath(task, id) }
}

/** @param rejected the response of the API if it did not accept an answer of the reader */
async function page(request: PageRequest, rejected: ApiResponse | null): Promise<Response> {
  const { api, own } = pathsOf(request)
  const response = await request.callApi("GET", api)
  if (response.status === 404)
    return approvalNotFound(request, rejected !== null, rejected === null ? NO_APPROVAL : EXPIRED)
  if (response.status !== 200) return failurePage(request, response)
  const approval = CONTRACT.showCallApproval.answer().parse(response.body)
  const now = request.context.receivedAt
  const linked = isOperator(request.reader)
  const parts = partsOf(approval.arguments, approval.redacted)
  const part = Math.min(Math.max(1, Number.parseInt(request.c.req.query("part") ?? "1", 10) || 1), parts.length)
  return respondPage(
    <ConsolePage title={`${markInvisible(approval.tool)} approval`} request={request}>
      <h1>
        <Text of={approval.tool} most={100} />
      </h1>
      <Status approval={approval} now={now} />
      <KeyFacts agent={approval.agent} user={approval.user}>
        <KeyArguments of={approval} />
      </KeyFacts>
      {rejected && <NotRecorded response={rejected} approval={approval} />}
      <Votes approval={approval} now={now} />
      <div class="columns">
        <div>
          <section class="card">
            <h2>Call</h2>
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
                The catalog hides redacted arguments from people. The approval covers their values as well: a call with
                another value needs a new approval.
              </p>
            )}
          </section>
          <WhyApproval approval={approval} />
        </div>
        <aside>
          <section class="card">
            <h2>Caller</h2>
            <ChainPicture links={linksOf(approval.user, approval.chain, approval.tool)} />
          </section>
          <Figures approval={approval} now={now} linked={linked} />
        </aside>
      </div>
      <section class="card">
        <h2>Earlier in this task</h2>
        <History approval={approval} now={now} linked={linked} />
      </section>
      {approval.unanswerable === null ? (
        <Answer
          reader={request.reader}
          action={own}
          yes={approveText(approval, now)}
          no={rejectText(approval, now)}
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
    { status: rejected ? rejected.status : 200 },
  )
}

const EXPIRED = "Your answer was not recorded: the approval has expired, or you are not one of its approvers."
const NO_APPROVAL =
  "There is no approval at this address, it has expired, or you are not one of its approvers. You cannot approve a call made on your behalf."

const Status: FC<{ readonly approval: CallApprovalDetail; readonly now: number }> = ({ approval, now }) => {
  const { status, votes, need, uses, expires_at } = approval
  const approvals = `${votes.filter(({ approved }) => approved).length} of ${need} approvals`
  return (
    <p class="row lead">
      {status === "pending" && <span class="badge warn">Pending</span>}
      {status === "approved" && <span class="badge good">{uses > 0 ? "Approved" : "Approved and used"}</span>}
      {status === "rejected" && <span class="badge bad">Rejected</span>}
      <span>{approvals}</span>
      <span>
        {"Expires "}
        <Moment at={expires_at} now={now} />
      </span>
      {approval.unanswerable === null && <a href="#answer">Notes and terms</a>}
    </p>
  )
}

const Parts: FC<{ readonly part: number; readonly of: number; readonly own: string }> = ({ part, of, own }) => (
  <div class="notice warn">
    <p>{`The arguments are long. This is part ${part} of ${of}. Read all parts before you answer.`}</p>
    <p class="row">
      {Array.from({ length: of }, (_, index) => (
        <a href={`${own}?part=${index + 1}#arguments`} {...(index + 1 === part && { "aria-current": "true" as const })}>
          {`Part ${index + 1}`}
        </a>
      ))}
    </p>
  </div>
)

/** Says why the API did not accept the answer of the reader. */
const NotRecorded: FC<{ readonly response: ApiResponse; readonly approval: CallApprovalDetail }> = ({
  response,
  approval,
}) => {
  const { unanswerable } = approval
  const reason =
    unanswerable === null
      ? (descriptionOf(response) ?? NO_REASON_GIVEN)
      : unanswerable === "answered"
        ? "Another approver has answered."
        : unanswerableText(unanswerable, approval)
  return <p class="notice bad" role="alert">{`Your answer was not recorded. ${reason}`}</p>
}
