/** The facts of an approval that its reader sees first, beside the answers: who asks, for whom, and for what. */
import type { FC, PropsWithChildren } from "hono/jsx"
import { Text } from "../../web/text.tsx"
import { shortened } from "../../web/visible.ts"
import type { CallApprovalDetail } from "../../api/contract/approvals.ts"

const MOST_ARGUMENTS = 4
const MOST_VALUE = 60

/** Short, so that the answers fit on the screen of a phone with them. The page shows all of it below. */
export const KeyFacts: FC<PropsWithChildren<{ readonly agent: string; readonly user: string | null }>> = ({
  agent,
  user,
  children,
}) => (
  <dl class="facts key-facts card">
    <dt>Agent</dt>
    <dd>{shortened(agent, MOST_VALUE, "end")}</dd>
    <dt>For</dt>
    <dd>{user === null ? "itself" : shortened(user, MOST_VALUE, "end")}</dd>
    {children}
  </dl>
)

/**
 * Some arguments. Those that the rules or the guardrail read come first, then the shortest, so that no long text of the
 * agent hides an amount. Of a long value both ends are shown: in an address, each may be the one that matters.
 */
export const KeyArguments: FC<{
  readonly of: Pick<CallApprovalDetail, "arguments" | "redacted" | "reason">
}> = ({ of: { arguments: all, redacted, reason } }) => {
  const read = argumentsRead(reason)
  const entries = Object.entries(all)
    .map(([name, value]) => ({
      name,
      text: redacted.includes(name) ? null : JSON.stringify(value),
      length: JSON.stringify(value).length,
      isRead: read.has(name),
    }))
    .toSorted((a, b) => Number(b.isRead) - Number(a.isRead) || a.length - b.length)
  const left = entries.length - MOST_ARGUMENTS
  return (
    <>
      {entries.slice(0, MOST_ARGUMENTS).map(({ name, text }) => (
        <>
          <dt>
            <Text of={name} most={MOST_VALUE} />
          </dt>
          <dd class="mono">
            {text === null ? <span class="redacted">redacted</span> : <Text of={text} most={MOST_VALUE} keep="ends" />}
          </dd>
        </>
      ))}
      {left > 0 && (
        <>
          <dt>Arguments</dt>
          <dd>
            <a href="#arguments">{`${left} more`}</a>
          </dd>
        </>
      )}
    </>
  )
}

/** Whole names: an agent may call other arguments like the beginning of one that is read. */
const READ = /\barguments(?:\s*\.\s*|\s+has\s+)(\w+)|\barguments(?:\s*\[\s*|\s+has\s+)\\*"([^"\\]+)/g

function argumentsRead(reason: CallApprovalDetail["reason"]): ReadonlySet<string> {
  return new Set(Array.from(JSON.stringify(reason).matchAll(READ), ([, name, quoted]) => name ?? quoted ?? ""))
}
