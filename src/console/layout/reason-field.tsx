/** A field for a reason, which the record keeps. */
import type { FC } from "hono/jsx"

/** The most characters that the API accepts. */
export const MAX_REASON = 1_024

export const ReasonField: FC<{ readonly id: string }> = ({ id }) => (
  <>
    <label for={id}>Note for the record (optional)</label>
    <input id={id} name="reason" maxlength={MAX_REASON} autocomplete="off" />
  </>
)
