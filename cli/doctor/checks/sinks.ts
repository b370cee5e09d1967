/** Each sink gets its records. Only an operator may see that, so a login is necessary. */
import { healthOf, lagInWords, sinks, type SinkHealth } from "../../../src/api/contract/sinks.ts"
import { operatorBearer } from "../../remote/bearer.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import { ask } from "../ask.ts"
import { about, failed, ok, problem, skipped, warn, type Finding } from "../finding.ts"
import { since } from "../since.ts"
import type { Subject } from "../subject.ts"

export async function checkSinks(subject: Subject): Promise<readonly Finding[]> {
  const { body, url, signal } = subject
  if (body?.sinks.length === 0) return [skipped("there is no sink in sinks.yaml")]
  const missing = await subject.withoutWorker()
  if (missing) return [missing]
  const bearer = await bearerOf(subject)
  if (bearer instanceof Failure) return [skipped(`${bearer.message}; log in, so that they can be looked at`)]
  const headers = { authorization: `Bearer ${bearer}`, accept: "application/json" }
  const answer = await ask(new URL(sinks.listSinks.path, url), { headers }, signal)
  if (answer instanceof Failure) return [failed(answer)]
  if (answer.status === 401 || answer.status === 403)
    return [skipped(`who is logged in may not see them (HTTP ${answer.status})`)]
  const read = sinks.listSinks.answer().safeParse(answer.json)
  if (answer.status !== 200 || !read.success)
    return [problem(`the Worker does not say how they are (HTTP ${answer.status})`, "Look at the Worker's log.")]
  if (read.data.sinks.length === 0) return [skipped("the Worker has none")]
  return read.data.sinks.map((sink) => about(sink.id, judgeSink(healthOf(sink), url)))
}

async function bearerOf(worker: Subject): Promise<string | Failure> {
  try {
    return await operatorBearer(worker)
  } catch (error) {
    if (error instanceof Failure) return error
    throw error
  }
}

export function judgeSink(health: SinkHealth, url: string): Finding {
  const { lagRecords, lagSeconds, failure, lostRecords, denies, unknown } = health
  const text = [
    lagInWords(lagRecords, lagSeconds),
    ...(failure ? [`failed ${since(failure.at)} ago: ${failure.says}`] : []),
    ...(denies ? ["calls are denied, because a log has no room for their records"] : []),
    ...(lostRecords > 0 ? [`${lostRecords} records were not exported`] : []),
    ...(unknown.length > 0 ? [`not known of ${unknown.join(", ")}`] : []),
  ].join("; ")
  const where = `${CALLED} sinks --url ${url}`
  if (failure || denies)
    return problem(text, `Correct sinks.yaml, its secret, or the sink. Of which log it is: ${where}`)
  return lostRecords > 0 || unknown.length > 0 ? warn(text, `See which: ${where}`) : ok(text)
}
