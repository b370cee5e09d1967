/** The Worker answers, and by the name that it has given itself. */
import { isObject } from "../../../src/core/encoding/json.ts"
import { VERSION } from "../../package.ts"
import { isLoopback } from "../../remote/worker.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import { failed, ok, problem, skipped, warn, type Finding } from "../finding.ts"
import { isAlive, isUnclaimed, type Subject } from "../subject.ts"

const STACK_FOR_OTHERS =
  "it runs as a local stack or a trial, and others reach it: its identity provider lets anybody sign in as anybody"

export async function checkWorker({ url, isUrlNamed, loopback, get }: Subject): Promise<readonly Finding[]> {
  const answer = await get(new URL("/healthz", url))
  if (isAlive(answer)) {
    const claim = `Claim it: ${CALLED} claim --url ${url}`
    if (loopback === "everything" && !isLoopback(url))
      return [problem(STACK_FOR_OTHERS, "Deploy it, or start it without `--trial`, before it serves anybody else.")]
    const isOwned = !isUnclaimed(await get(new URL("/readyz", url)))
    const stack = loopback === "everything" ? ", a local stack or a trial: anybody can sign in as anybody" : ""
    return [
      isOwned ? ok(`alive at ${url}${stack}`) : problem("nobody has claimed it yet, so it denies every call", claim),
    ]
  }
  if (answer instanceof Failure) {
    if (isUrlNamed) return [failed(answer)]
    return [skipped(`${answer.message}: name a Worker by --url or NARROWGATE_URL, or start one: ${CALLED} dev`)]
  }
  const to = answer.headers.get("location")
  if (to !== null)
    return [
      problem(`${url} redirects to ${to}`, "Name the origin of the Worker itself: credentials are not redirected."),
    ]
  const text = `what answers at ${url} is no Narrowgate Worker (HTTP ${answer.status})`
  return [problem(text, "Correct --url, or the route that leads to the Worker.")]
}

/** RFC 8414, section 3.3: a client that finds another name there does not use the document. */
export async function checkIssuer(subject: Subject): Promise<readonly Finding[]> {
  const missing = await subject.withoutWorker()
  if (missing) return [missing]
  const { origin } = new URL(subject.url)
  const answer = await subject.get(new URL("/.well-known/oauth-authorization-server", origin))
  if (answer instanceof Failure) return [failed(answer)]
  const issuer = isObject(answer.json) ? answer.json["issuer"] : undefined
  if (issuer === origin) return [ok(`the Worker calls itself ${origin} as well`)]
  if (typeof issuer !== "string")
    return [problem(`its metadata names no issuer (HTTP ${answer.status})`, "Look at the Worker's log.")]
  const fix = `Set ISSUER of the Worker to ${origin}, or reach it at its own name: --url ${issuer}`
  return [problem(`the Worker calls itself ${issuer}, and is reached at ${origin}: clients and tokens do not fit`, fix)]
}

/** The description of the endpoints is of the version that is deployed. */
export async function checkVersion(subject: Subject): Promise<readonly Finding[]> {
  const missing = await subject.withoutWorker()
  if (missing) return [missing]
  const answer = await subject.get(new URL("/openapi.json", subject.url))
  if (answer instanceof Failure) return [failed(answer)]
  const info = isObject(answer.json) ? answer.json["info"] : undefined
  const deployed = isObject(info) ? info["version"] : undefined
  if (deployed === VERSION) return [ok(`the Worker and this command are ${VERSION}`)]
  if (typeof deployed !== "string" || !/^\d+\.\d+\.\d+$/u.test(deployed))
    return [warn("the Worker's description of its endpoints has no version", "Deploy it anew.")]
  const fix = `Use this command in that version (npx narrowgate@${deployed}), or deploy this one.`
  return [warn(`the Worker is ${deployed}, this command ${VERSION}`, fix)]
}
