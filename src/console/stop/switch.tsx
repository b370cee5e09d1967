/** One switch that is set. */
import type { FC } from "hono/jsx"
import type { Stop } from "../../api/contract/revocations.ts"
import { Moment, Text } from "../../web/text.tsx"
import { liftPath } from "../layout/paths.ts"
import { stoppedText } from "./words.ts"

export const Switch: FC<{ readonly of: Stop; readonly now: number; readonly isShownOnly?: boolean }> = ({
  of: each,
  now,
  isShownOnly = false,
}) => (
  <>
    <h3>
      <Text of={stoppedText(each)} most={200} />
    </h3>
    <dl class="facts">
      {each.at !== undefined && (
        <>
          <dt>Since</dt>
          <dd>
            <Moment at={each.at} now={now} />
          </dd>
        </>
      )}
      {each.by !== undefined && (
        <>
          <dt>By</dt>
          <dd>
            <Text of={each.by} most={200} />
          </dd>
        </>
      )}
      <dt>Why</dt>
      <dd>
        {each.reason === undefined ? <span class="quiet">nobody said</span> : <Text of={each.reason} most={600} />}
      </dd>
      {each.before !== undefined && (
        <>
          <dt>Only</dt>
          <dd>
            what was given before <Moment at={each.before * 1000} now={now} />
          </dd>
        </>
      )}
    </dl>
    {each.key === undefined && !isShownOnly && (
      <p>
        <a class="button" href={liftPath(each.id)}>
          Lift it …
        </a>
      </p>
    )}
  </>
)
