/**
 * DEVELOPMENT ONLY: the login page of the identity provider. oidc-provider's own development page accepts any name with
 * any password; a test that a wrong password yields no token needs a page that checks it.
 */
import type { IncomingMessage, ServerResponse } from "node:http"
import { text } from "node:stream/consumers"
import type Provider from "oidc-provider"
import { ONE_TIME_CODE, type Users } from "../cli/remote/local-stack.ts"

/** Serves `GET` and `POST /interaction/:uid`, to which oidc-provider redirects for a login. */
export async function loginPage(
  provider: Provider,
  users: Users,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // Throws unless the browser's interaction cookie belongs to the interaction in the path.
  const { prompt } = await provider.interactionDetails(request, response)
  // The provider requires consent of a native app each time; here only its own applications exist.
  if (prompt.name === "consent") {
    return provider.interactionFinished(request, response, { consent: {} }, { mergeWithLastSubmission: true })
  }
  if (prompt.name !== "login") return page(response, users, 501, `no page for ${prompt.name}`)
  if (request.method !== "POST") return page(response, users, 200, "Sign in")

  const form = new URLSearchParams(await text(request))
  const user = form.get("login") ?? ""
  const code = form.get("code") ?? ""
  if (!users.has(user) || form.get("password") !== user) return page(response, users, 401, "Wrong name or password")
  if (code !== "" && code !== ONE_TIME_CODE) return page(response, users, 401, "Wrong one-time code")
  const strong = code !== ""
  const login = { accountId: user, acr: strong ? "mfa" : "pwd", amr: strong ? ["pwd", "otp"] : ["pwd"] }
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false })
}

function page(response: ServerResponse, users: Users, status: number, title: string): void {
  response.writeHead(status, { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" })
  response.end(`<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<h1>${title}</h1>
<p>Development only: ${[...users.keys()].join(", ")}; the password is the name, the one-time code ${ONE_TIME_CODE} or none.</p>
<form method="post">
  <label>Name <input name="login" required autofocus></label>
  <label>Password <input name="password" type="password" required></label>
  <label>One-time code <input name="code" inputmode="numeric"></label>
  <button>Sign in</button>
</form>
</html>
`)
}
