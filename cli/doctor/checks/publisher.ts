/** The publisher's key is there, nobody else can read it, the Worker knows it, and it has signed the live bundle. */
import { stat } from "node:fs/promises"
import { calculateJwkThumbprint, type JWK } from "jose"
import { bundles } from "../../../src/api/contract/bundles.ts"
import { signHistoryQuestion } from "../../compiler/sign.ts"
import { KEY_VARIABLE, publisherKey } from "../../remote/publisher-key.ts"
import { mayCarrySecrets } from "../../remote/worker.ts"
import { CALLED } from "../../terminal/program-name.ts"
import { Failure } from "../../terminal/failure.ts"
import { ask } from "../ask.ts"
import { failed, ok, problem, skipped, warn, type Finding } from "../finding.ts"
import { since } from "../since.ts"
import type { Subject } from "../subject.ts"

/** Where `narrowgate keygen` writes it. */
const USUAL = "publisher.jwk"

export async function checkPublisher(subject: Subject): Promise<readonly Finding[]> {
  const file = subject.key ?? (await usualFile())
  if (file === undefined && (process.env[KEY_VARIABLE] ?? "") === "") {
    const local = subject.isLocal ? "; the local stack has its own" : ""
    return [skipped(`no publisher's key is given (--key FILE, or ${KEY_VARIABLE})${local}`)]
  }
  const mode = file === undefined ? [] : await judgeMode(file)
  try {
    const key = await publisherKey(file)
    return [...mode, (await subject.withoutWorker()) ?? (await judgeKey(key, subject))]
  } catch (failure) {
    if (failure instanceof Failure) return [...mode, failed(failure)]
    return [problem(`${file ?? KEY_VARIABLE} cannot be read`, "Name the file that `narrowgate keygen` has written.")]
  }
}

async function usualFile(): Promise<string | undefined> {
  if ((process.env[KEY_VARIABLE] ?? "") !== "") return undefined
  return stat(USUAL).then(
    () => USUAL,
    () => undefined,
  )
}

/** Windows has no such modes. */
async function judgeMode(file: string): Promise<readonly Finding[]> {
  const found = process.platform === "win32" ? null : await stat(file).catch(() => null)
  if (!found || (found.mode & 0o077) === 0) return []
  return [problem(`others can read ${file} (mode ${(found.mode & 0o777).toString(8)})`, `chmod 600 ${file}`)]
}

/** By a question that changes nothing, which only a publisher's key may ask. */
async function judgeKey(key: JWK, { url, signal }: Subject): Promise<Finding> {
  if (!mayCarrySecrets(url)) return skipped(`${url} is not https`)
  const { path } = bundles.listPublications
  const headers = { "X-Narrowgate-Publication": await signHistoryQuestion(key, new URL(url).origin) }
  const answer = await ask(new URL(path, url), { headers }, signal)
  if (answer instanceof Failure) return failed(answer)
  const read = bundles.listPublications.answer().safeParse(answer.json)
  if (answer.status === 200 && read.success) {
    const { live } = read.data
    if (!live)
      return warn(
        "the Worker knows the key; nothing is published yet",
        `Publish: ${CALLED} publish --why "the first rules"`,
      )
    const kid = key.kid ?? (await calculateJwkThumbprint(key))
    const by = live.kid === kid ? "this key" : `another key (${live.kid})`
    return ok(`the Worker knows the key; bundle ${live.seq} is signed by ${by}, ${since(live.at)} ago`)
  }
  return problem(
    `the Worker does not accept the key (HTTP ${answer.status})`,
    "Add its public half to PUBLISHER_KEYS of the Worker. If it is there: compare this clock, and its ISSUER with --url.",
  )
}
