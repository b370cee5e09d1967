export interface RouteDefinition {
  readonly tool: string
  /** Public origin, one of a gateway's. */
  readonly origin: string
  readonly methods: readonly string[]
  /** `/tickets/{ticket}/comments`; `{name}` is one whole segment and becomes an argument. */
  readonly path: string
  /** Path and query arguments that are integers rather than strings. */
  readonly integers: readonly string[]
}
