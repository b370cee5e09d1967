/** Why people are asked: the rules, or the guardrail, that leave a call to them, as they are written. */
import type { FC } from "hono/jsx"
import { Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import { whoAsks } from "./question-words.ts"
import type { AskedCall } from "../../api/contract/approvals-console.ts"

/** Characters of a rule or guardrail. */
const MOST_TEXT = 3_000
const MOST_RULES = 4

export const WhyAsked: FC<{ readonly approval: AskedCall }> = ({ approval }) => {
  const { rules, guardrail, figures } = approval.reason
  return (
    <section class="card">
      <h2>Why you are asked</h2>
      <p>
        <Text of={`Asked by ${whoAsks(approval)}.`} most={400} />
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
      {figures !== null && (
        <p>
          {`When you were asked, ${figures.used} of ${figures.limit} were used, and this call asked for ${figures.asked}.`}
        </p>
      )}
      {approval.guardrail !== null &&
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
