/** From a page of a list to the next one, and back to the first. */
import type { FC } from "hono/jsx"
import type { PageRequest } from "./page-request.ts"

interface Way {
  readonly href: string
  readonly text: string
}

interface Ways {
  /** False: this is it. */
  readonly first: Way | false
  /** False, or undefined: there is none. */
  readonly next: Way | false | undefined
}

export const Paging: FC<Ways> = ({ first, next }) => (
  <p class="row">
    {first && <a href={first.href}>{first.text}</a>}
    {next && (
      <a class="end" href={next.href}>
        {next.text}
      </a>
    )}
  </p>
)

/** How many of them come before the page, as its address says; 0 where it says nothing of use. */
export function fromIn({ c }: PageRequest): number {
  return Math.max(0, Number.parseInt(c.req.query("from") ?? "0", 10) || 0)
}
