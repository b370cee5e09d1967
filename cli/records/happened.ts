/** A call that was allowed, or that an observing gateway let happen. */
export const hasHappened = ({ decision, mode }: { readonly decision: string; readonly mode: string | null }): boolean =>
  decision === "allow" || mode === "observe"
