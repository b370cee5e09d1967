/** Why somebody does it, in their own words, for the record. */
import type { FC } from "hono/jsx"

/** Characters, as the API takes them. */
export const MAX_REASON = 1_024

export const ReasonField: FC<{ readonly id: string }> = ({ id }) => (
  <>
    <label for={id}>Why (kept in the record, optional)</label>
    <input id={id} name="reason" maxlength={MAX_REASON} autocomplete="off" />
  </>
)
