/** Calls a tool that has a route, as an HTTP request through a gateway. */
import type { ListedTool } from "../compiler/schema/catalog.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { answerOf, type GatewayAnswer } from "./gateway-answer.ts"

type Route = NonNullable<ListedTool["route"]>

export async function callRoute(
  route: Route,
  token: string,
  args: Readonly<Record<string, unknown>>,
): Promise<GatewayAnswer> {
  const { url, method, body } = requestFor(route, args)
  const headers = new Headers({ authorization: `Bearer ${token}` })
  if (body !== null) headers.set("content-type", "application/json")
  const response = await fetch(url, { method, headers, body, redirect: "manual" })
  return answerOf(response, await response.text())
}

/**
 * Arguments stand in the path if it names them; the others in the query, or in the body of a request that changes
 * something.
 */
export function requestFor({ origin, methods, path }: Route, args: Readonly<Record<string, unknown>>) {
  const left = new Map(Object.entries(args))
  const filled = path.replaceAll(/\{([^}]*)\}/gu, (_segment, name: string) => {
    if (!left.has(name)) {
      const fix = `Write \`--arguments '{"${name}":"…"}'\`.`
      throw new Failure(`the path ${path} needs the argument \`${name}\``, fix, EXIT.usage)
    }
    const value = left.get(name)
    left.delete(name)
    return encodeURIComponent(wordOf(value))
  })
  const [method = "GET"] = methods
  const url = new URL(filled, origin)
  if (["POST", "PUT", "PATCH"].includes(method)) return { url, method, body: JSON.stringify(Object.fromEntries(left)) }
  for (const [name, value] of left) url.searchParams.set(name, wordOf(value))
  return { url, method, body: null }
}

function wordOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value)
}
