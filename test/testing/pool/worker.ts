/** A developer's own Worker: it sends mail, for agents whom Narrowgate allows that. */
import type { Authorizer } from "../../../src/index.ts"

interface Environment {
  readonly AUTHORIZER: Service<Authorizer>
  readonly NARROWGATE_KEY: string
}

export default {
  async fetch(request, { AUTHORIZER, NARROWGATE_KEY: key }): Promise<Response> {
    const { method, url, headers } = request
    const body = request.body === null ? null : await request.text()
    const decision = await AUTHORIZER.authorize({ key, method, url, headers: Object.fromEntries(headers), body })
    if (decision.allowed) return new Response("sent", { status: 202 })
    return new Response(decision.body, { status: decision.status, headers: decision.headers })
  },
} satisfies ExportedHandler<Environment>
