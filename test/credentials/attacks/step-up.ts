/**
 * Step-up (RFC 9470): a live task takes a fresher session of its own user, from its own agent, by its own key; no
 * other.
 */
import { expect } from "vitest"
import { childForm, openChild, openTask, postForm, type Form, type OpenTask } from "../../harness/agents.ts"
import { idTokenOf, seconds, svidOf } from "../../harness/besieged.ts"
import { attack, exchange, requestRefused, subjectRefused, type Attacks } from "../../harness/attacks.ts"
import { secondProvidersToken, stranger } from "../../harness/issuers.ts"
import { complete } from "../../harness/management.ts"
import { newProofKey, proofForToken } from "../../harness/proofs.ts"

const ENDED = { status: 400, code: "invalid_request" } as const
const ended = { ...ENDED, denial: { reason: "parent_ended", task: expect.any(String), state: "completed" } }
const noTask = { ...ENDED, denial: { reason: "task_unknown", what: expect.any(String) } }
const notFresher = requestRefused({ reason: "session_not_fresher" })
const differs = (what: string) => requestRefused({ reason: "session_differs", what })
const keyDiffers = requestRefused({ reason: "key_differs" })
const renewalDiffers = requestRefused({ reason: "renewal_differs" })

/** A session of an hour ago, so that one of now is fresher. */
const HOUR_AGO = () => seconds() - 3_600
const session = async (user: string, auth_time: unknown): Promise<string> => idTokenOf(user, { claims: { auth_time } })
const open = async (agent = "first", proof?: string): Promise<OpenTask> =>
  openTask(agent, { subject_token: await session("alice", HOUR_AGO()) }, proof)
const holder = await newProofKey()
const boundTask = async () => open("first", await proofForToken(holder))

/** What would be answered with a token of the task, but for what is changed. */
const freshen = async (task: string, changed: Form = {}, headers = {}): Promise<Request> =>
  exchange({ subject_token: await session("alice", seconds()), task, ...changed }, headers)

const NO_TASKS: Readonly<Record<string, string>> = {
  "of nobody": `tsk_01J8ZZZZZZZZZZZ${"0".repeat(21)}`,
  "that is a wildcard": "*",
  "in lower case": "tsk_01j8zzzzzzzzzzzzzzzzzzzzzz",
  "without its id": "tsk_",
  "of a number": "1",
  "that is a path": "../../tasks",
  "with SQL": `tsk_01J8ZZZZZZZZZZZ${"0".repeat(21)}' OR 1=1--`,
  "with a child that does not end": `tsk_01J8ZZZZZZZZZZZ${"0".repeat(21)}${".1".repeat(17)}`,
  "with a child of zero": `tsk_01J8ZZZZZZZZZZZ${"0".repeat(21)}.0`,
  "with a line break": `tsk_01J8ZZZZZZZZZZZ${"0".repeat(21)}\n`,
  "with a name that every object has": "__proto__",
}
const noTasks = Object.fromEntries(
  Object.entries(NO_TASKS).map(([what, task]) => [`a task ${what}`, attack(noTask, async () => freshen(task))]),
)

export const stepUp: Attacks = {
  ...noTasks,
  "an older session": attack(notFresher, async () =>
    freshen((await open()).task, { subject_token: await session("alice", HOUR_AGO() - 100) }),
  ),
  "the same session": attack(notFresher, async () => {
    const subject_token = await session("alice", HOUR_AGO())
    const { task } = await openTask("first", { subject_token })
    return freshen(task, { subject_token })
  }),
  "a session that does not say when": attack(notFresher, async () =>
    freshen((await open()).task, { subject_token: await session("alice", undefined) }),
  ),
  "a session made anew of the same login": attack(notFresher, async () => {
    const at = HOUR_AGO()
    const { task } = await openTask("first", { subject_token: await session("alice", at) })
    return freshen(task, { subject_token: await session("alice", at) })
  }),
  "a session whose time is a text": attack(subjectRefused({ reason: "claim_mismatch", claim: "auth_time" }), async () =>
    freshen((await open()).task, { subject_token: await session("alice", String(seconds())) }),
  ),
  "a session before 1970": attack(subjectRefused({ reason: "claim_mismatch", claim: "auth_time" }), async () =>
    freshen((await open()).task, { subject_token: await session("alice", -1) }),
  ),
  "a session of a login to come": attack(
    subjectRefused({ reason: "not_yet_valid", from: expect.any(Number) }),
    async () => freshen((await open()).task, { subject_token: await session("alice", seconds() + 60) }),
  ),
  "a session by a stranger's key": attack(subjectRefused({ reason: "signature_invalid" }), async () =>
    freshen((await open()).task, {
      subject_token: await idTokenOf("alice", { by: stranger, claims: { auth_time: seconds() } }),
    }),
  ),
  "a session for another client": attack(subjectRefused({ reason: "audience_mismatch", got: ["other"] }), async () =>
    freshen((await open()).task, { subject_token: await idTokenOf("alice", { claims: { aud: "other" } }) }),
  ),
  "another user's session": attack(differs("user"), async () =>
    freshen((await open()).task, { subject_token: await session("bob", seconds()) }),
  ),
  "a session of the same sub at another provider": attack(differs("user"), async () =>
    freshen((await open()).task, { subject_token: await secondProvidersToken("alice") }),
  ),
  "a session whose sub is the user's with another case": attack(differs("user"), async () =>
    freshen((await open()).task, { subject_token: await session("Alice", seconds()) }),
  ),
  "a session whose sub is the user's whole name": attack(differs("user"), async () =>
    freshen((await open()).task, { subject_token: await session("https://idp.test|alice", seconds()) }),
  ),
  "another agent for the task": attack(differs("agent"), async () =>
    freshen((await open()).task, { actor_token: await svidOf("second") }),
  ),
  "the agent of a child for the parent's task": attack(differs("agent"), async () => {
    const parent = await open()
    await openChild(parent.token, "second")
    return freshen(parent.task, { actor_token: await svidOf("second") })
  }),
  "the parent's agent for a child's task": attack(differs("agent"), async () =>
    freshen((await openChild((await open()).token, "second")).task),
  ),
  "another key than the task's": attack(keyDiffers, async () =>
    freshen((await boundTask()).task, {}, { DPoP: await proofForToken(await newProofKey()) }),
  ),
  "no key where the task has one": attack(keyDiffers, async () => freshen((await boundTask()).task)),
  "a key where the task has none": attack(keyDiffers, async () =>
    freshen((await open()).task, {}, { DPoP: await proofForToken(holder) }),
  ),
  "another purpose": attack(renewalDiffers, async () => freshen((await open()).task, { purpose: "errand" })),
  "a scope": attack(renewalDiffers, async () => freshen((await open()).task, { scope: "files.*:read" })),
  "a task that was completed": attack(ended, async () => {
    const { task, token } = await open()
    await complete(task, `Bearer ${token}`)
    return freshen(task)
  }),
  "a child whose parent was completed": attack(ended, async () => {
    const parent = await open()
    const child = await openChild(parent.token, "second")
    await complete(parent.task, `Bearer ${parent.token}`)
    return freshen(child.task, { actor_token: await svidOf("second") })
  }),
  "a child that was never opened": attack(noTask, async () => freshen(`${(await open()).task}.7`)),
  "a delegation token, not a session": attack(noTask, async () => {
    const { task, token } = await open()
    return freshen(task, {
      subject_token: token,
      subject_token_type: (await childForm(token, "first")).subject_token_type,
    })
  }),
  "no session at all": attack(noTask, async () =>
    freshen((await open()).task, {
      grant_type: "client_credentials",
      subject_token: undefined,
      subject_token_type: undefined,
    }),
  ),
  "two tasks": attack(requestRefused({ reason: "parameter_repeated", parameter: "task" }), async () =>
    freshen("", { task: [(await open()).task, (await open()).task] }),
  ),
  "a task without a user": attack(differs("user"), async () => {
    const { issued } = await postForm({
      grant_type: "client_credentials",
      client_assertion: await svidOf("alone"),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      audience: "https://api.test/",
      purpose: "alone",
    })
    return freshen(issued?.task ?? "not opened", { actor_token: await svidOf("alone") })
  }),
}
