/** One suspension: what it is about, since when, by whom and why. */
import type { FC } from "hono/jsx"
import type { Stop } from "../../api/contract/revocations.ts"
import { Moment, Text } from "../../web/text.tsx"
import { resumePath } from "../layout/paths.ts"
import { suspendedText } from "./words.ts"

export const Suspension: FC<{ readonly of: Stop; readonly now: number; readonly isReadOnly?: boolean }> = ({
  of: suspension,
  now,
  isReadOnly = false,
}) => (
  <>
    <h3>
      <Text of={suspendedText(suspension)} most={200} />
    </h3>
    <dl class="facts">
      {suspension.at !== undefined && (
        <>
          <dt>Since</dt>
          <dd>
            <Moment at={suspension.at} now={now} />
          </dd>
        </>
      )}
      {suspension.by !== undefined && (
        <>
          <dt>By</dt>
          <dd>
            <Text of={suspension.by} most={200} />
          </dd>
        </>
      )}
      <dt>Reason</dt>
      <dd>
        {suspension.reason === undefined ? (
          <span class="quiet">none given</span>
        ) : (
          <Text of={suspension.reason} most={600} />
        )}
      </dd>
      {suspension.before !== undefined && (
        <>
          <dt>Only</dt>
          <dd>
            tokens issued before <Moment at={suspension.before * 1000} now={now} />
          </dd>
        </>
      )}
      {suspension.until !== undefined && (
        <>
          <dt>Ends</dt>
          <dd>
            by itself, <Moment at={suspension.until} now={now} />
          </dd>
        </>
      )}
    </dl>
    {suspension.key === undefined && !isReadOnly && (
      <p>
        <a class="button" href={resumePath(suspension.id)}>
          Resume…
        </a>
      </p>
    )}
  </>
)
