/**
 * The two answers to an approval. Each has its own form, colour and words, so that nobody mistakes one for the other. Their
 * buttons stay in view, however long the page is.
 */
import type { Child, FC } from "hono/jsx"
import type { Form } from "../../web/form.ts"
import { failurePage } from "../layout/frame.tsx"
import { ReasonField } from "../layout/reason-field.tsx"
import type { PageRequest, SignedInUser } from "../layout/page-request.ts"

interface AnswerProps {
  readonly reader: SignedInUser
  readonly action: string
  /** What follows from an approval, and from a rejection. */
  readonly yes: Child
  readonly no: Child
  /** The most calls that one approval may cover; if it is 1, there is no choice. */
  readonly mostUses: number
  /** Whether the record keeps a reason. */
  readonly takesReason: boolean
  readonly what: string
}

export const Answer: FC<AnswerProps> = ({ reader, action, yes, no, mostUses, takesReason, what }) => (
  <>
    <section class="answers" id="answer" aria-label="Your answer">
      <form method="post" action={action} class="card yes" id="approve">
        <h2>Approve</h2>
        <p>{yes}</p>
        <input type="hidden" name="csrf" value={reader.csrf} />
        <input type="hidden" name="decision" value="approve" />
        {mostUses > 1 && (
          <>
            <label for="uses">{`Calls to allow, 1 to ${mostUses}`}</label>
            <input id="uses" name="uses" type="number" min="1" max={mostUses} value="1" required />
          </>
        )}
        {takesReason && <ReasonField id="why-yes" />}
      </form>
      <form method="post" action={action} class="card no" id="reject">
        <h2>Reject</h2>
        <p>{no}</p>
        <input type="hidden" name="csrf" value={reader.csrf} />
        <input type="hidden" name="decision" value="reject" />
        {takesReason && <ReasonField id="why-no" />}
      </form>
    </section>
    <p class="decide">
      <button class="yes" form="approve">{`Approve ${what}`}</button>
      <button class="no" form="reject">{`Reject ${what}`}</button>
    </p>
  </>
)

/** Null if the form gives neither answer, or more than one. */
export function answerIn(form: Form): "approve" | "reject" | null {
  const [decision, ...others] = form.getAll("decision")
  return others.length === 0 && (decision === "approve" || decision === "reject") ? decision : null
}

export const noAnswer = (request: PageRequest): Promise<Response> =>
  failurePage(request, { status: 400, body: { error_description: "Choose Approve or Reject." } })
