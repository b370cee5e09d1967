/** The path of an operation as that of a route, in which `{name}` is one whole segment. */

interface RoutePath {
  readonly path: string
  /** The arguments in the path. */
  readonly names: ReadonlySet<string>
  /** The name in the route of each parameter of the document. */
  readonly renamed: ReadonlyMap<string, string>
}

const LITERAL = /^[A-Za-z0-9._~!$&'()*+,=:@-]+$/u

export function routePath(path: string): RoutePath | { readonly why: string } {
  if (!path.startsWith("/")) return { why: "its path does not begin with `/`" }
  const renamed = new Map<string, string>()
  const segments: string[] = []
  for (const segment of path === "/" ? [] : path.slice(1).split("/")) {
    if (segment === "") return { why: "its path has an empty segment or ends with `/`, which no route has" }
    if (segment === "." || segment === "..") return { why: "its path has a dot segment" }
    const name = /^\{([^{}]*)\}$/u.exec(segment)?.[1]
    if (name === undefined) {
      if (/[{}]/u.test(segment)) return { why: "a parameter that is only a part of a segment has no route" }
      if (!LITERAL.test(segment)) return { why: "its path has a character that no route has" }
      segments.push(segment)
      continue
    }
    if (!/^[\w.$ -]+$/u.test(name)) return { why: "a parameter that stands for several segments has no route" }
    const ours = name.replaceAll(/\W/gu, "_").replace(/^(?=\d)/u, "_")
    if (renamed.has(name) || [...renamed.values()].includes(ours))
      return { why: "its path has two parameters of one name" }
    renamed.set(name, ours)
    segments.push(`{${ours}}`)
  }
  return { path: `/${segments.join("/")}`, names: new Set(renamed.values()), renamed }
}
