/**
 * The Worker as it is, with one more path, which stands for the identity provider at which a person signs in: it begins
 * the session of the person who has this access token.
 */
import worker from "../../src/index.ts"
import { requestContext } from "../../src/request-context.ts"
import { beginSession } from "../../src/web/session.ts"

export * from "../../src/index.ts"

const SIGN_IN_AT = "/bench/session"
const HOUR_MS = 3_600_000

export default {
  async fetch(request, env, ctx) {
    if (!request.url.endsWith(SIGN_IN_AT)) return worker.fetch(request, env, ctx)
    const session = { token: await request.text(), issuedAt: Date.now(), expiresAt: Date.now() + HOUR_MS }
    return new Response(
      await beginSession(
        session,
        requestContext(env, (work) => ctx.waitUntil(work)),
      ),
    )
  },
} satisfies ExportedHandler<Env>
