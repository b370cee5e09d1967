/** Why a call needs approval: the rules or the guardrail that require it, as they are written. */
import type { FC } from "hono/jsx"
import { Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { requestedBy } from "./words.ts"
import type { CallApprovalDetail } from "../../api/contract/approvals.ts"

/** The characters that are shown of a rule or a guardrail. */
const MOST_TEXT = 3_000
const MOST_RULES = 4

export const WhyApproval: FC<{ readonly approval: CallApprovalDetail }> = ({ approval }) => {
  const { rules, guardrail, figures } = approval.reason
  return (
    <section class="card">
      <h2>Why approval is needed</h2>
      <p>
        <Text of={`${requestedBy(approval)}.`} most={400} />
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
            <p class="quiet">The policies no longer contain this rule.</p>
          ) : (
            <Definition of={text} what="Rule in Cedar" />
          )}
        </>
      ))}
      {rules.length > MOST_RULES && <p class="quiet">{`${rules.length - MOST_RULES} more rules.`}</p>}
      {figures !== null && (
        <p>
          {`When the approval was requested, ${figures.used} of ${figures.limit} were used. This call needs ${figures.asked}.`}
        </p>
      )}
      {approval.guardrail !== null &&
        (guardrail ? (
          <Definition of={JSON.stringify(guardrail, null, 2)} what="Definition of the guardrail" />
        ) : (
          <p class="quiet">The policies no longer contain this guardrail.</p>
        ))}
    </section>
  )
}

const Definition: FC<{ readonly of: string; readonly what: string }> = ({ of, what }) => (
  <details>
    <summary>{what}</summary>
    <pre tabindex={0}>
      <SourceText of={of} />
    </pre>
  </details>
)

/** Text marks line breaks as invisible characters; so it gets one line at a time. */
const SourceText: FC<{ readonly of: string }> = ({ of }) => (
  <>
    {(of.length > MOST_TEXT ? `${of.slice(0, MOST_TEXT)}\n…` : of).split("\n").map((line) => (
      <>
        <Text of={line} />
        {"\n"}
      </>
    ))}
  </>
)
