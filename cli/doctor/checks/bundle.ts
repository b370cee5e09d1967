/** The Worker has policies to decide by, and they are those of the directory. */
import { canonicalBytes, digestOf } from "../../../src/core/policy/digest.ts"
import { isObject } from "../../../src/core/encoding/json.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import { failed, ok, problem, warn, type Finding } from "../finding.ts"
import { withoutPolicies, type Subject } from "../subject.ts"

export async function checkBundle(subject: Subject): Promise<readonly Finding[]> {
  const missing = await subject.withoutWorker()
  if (missing) return [missing]
  const { url, directory, body, compiled, get } = subject
  const answer = await get(new URL("/readyz", url))
  if (answer instanceof Failure) return [failed(answer)]
  const pointer = isObject(answer.json) && isObject(answer.json["bundle"]) ? answer.json["bundle"] : {}
  const { seq, digest } = pointer
  const publish = `Publish them: ${CALLED} publish ${directory} --url ${url} --why "…"`
  if (answer.status !== 200 || typeof seq !== "number" || typeof digest !== "string")
    return [problem("the Worker has no policies, or no signing key, and denies every call", publish)]
  const deciding = `bundle ${seq} (${digest.slice(0, 12)}) decides`
  const written = compiled?.body
  if (!body || !written) return [ok(`${deciding}; not compared: ${withoutPolicies(subject).text}`)]
  const here = await Promise.all([written, body].map(async (each) => digestOf(canonicalBytes(each))))
  if (here.includes(digest)) return [ok(`${deciding}, and is what ${directory} says`)]
  return [warn(`${deciding}, and differs from what ${directory} says`, publish)]
}
