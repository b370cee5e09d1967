/** `narrowgate explain`: of calls that were made, by a Worker's record, and of calls that nobody has made. */
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { login, workloadIdentity } from "../../../cli/remote/local-stack-login.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { ownStack } from "./own-stack.ts"
import { run } from "./run.ts"

const ROOT = join(import.meta.dirname, "../../..")
const SUPPORT = "spiffe://example.org/agent/support"

describe("a call by hand", () => {
  const explain = async (...args: readonly string[]) => run(ROOT, ["explain", ...args])
  const AS_SUPPORT = ["--agent", SUPPORT, "--purpose", "answer-customer", "--user", "alice", "--group", "support"]

  test("that is allowed: by what for whom, and what would stop it", async () => {
    const { code, stdout } = await explain(
      "--call",
      "mail.send",
      "--arguments",
      '{"to":"ann@example.org"}',
      ...AS_SUPPORT,
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(
      /^mail\.send would be allowed\n {2}permitted {2}User::".*\|alice"\n {4}permit support-staff holds: policies\/support\.cedar:\d+\n/,
    )
    expect(stdout).toMatch(
      / {2}read {2}arguments\.to = "ann@example\.org", task\.labels = \[\]\n {2}it would be denied\n/,
    )
    expect(stdout).toMatch(/≈ without context\.arguments\.to\n/)
    expect(stdout).toMatch(/≈ context\.task\.labels with "reads:confidential"\n/)
    expect(stdout).toMatch(/≈ the user not in the group "support"\n/)
  })

  test.each<readonly [why: string, args: readonly string[], told: RegExp]>([
    [
      "an argument",
      ["--call", "mail.send", "--arguments", '{"to":"eve@evil.example"}'],
      /≈ context\.arguments\.to = "\S+@example\.org"/,
    ],
    [
      "what its tree has done",
      ["--call", "mail.send", "--arguments", '{"to":"ann@example.org"}', "--label", "reads:confidential"],
      /≈ context\.task\.labels without "reads:confidential"/,
    ],
    [
      "the same, as a request",
      ["--call", "POST /mail/messages", "--arguments", '{"to":"ann@example.org"}', "--label", "reads:confidential"],
      /≈ context\.task\.labels without "reads:confidential"/,
    ],
  ])("that is denied for %s: which rule, where, and what would lift it", async (_why, args, told) => {
    const { stdout } = await explain(...args, ...AS_SUPPORT)
    expect(stdout).toMatch(/^.* would be denied: policy_denied, policy forbids\n {2}not permitted {2}User::/)
    expect(stdout).toMatch(/ {4}forbid \S+ holds: policies\/limits\.cedar:\d+, which says: .+\n/)
    expect(stdout).toMatch(told)
  })

  test("that nothing permits: which permits there are, and why none holds", async () => {
    const { stdout } = await explain("--call", "crm.tickets.get", "--agent", SUPPORT, "--user", "bob", "--rules-alone")
    expect(stdout).toMatch(/policy permits nothing\n {2}not permitted {2}User::".*\|bob"\n/)
    expect(stdout).toMatch(/ {4}permit support-staff is about others: policies\/support\.cedar:\d+\n/)
    expect(stdout).toMatch(/it would be permitted\n {4}≈ the user in the group "support"\n/)
  })

  test("that no rule is asked about says so", async () => {
    const { stdout } = await explain("--call", "everything.get-env", ...AS_SUPPORT)
    expect(stdout).toMatch(/would be denied: insufficient_scope, tool not granted\n.*before the rules were evaluated/)
  })

  test("as JSON", async () => {
    const { stdout } = await explain(
      "--call",
      "mail.send",
      "--arguments",
      '{"to":"eve@evil.example"}',
      ...AS_SUPPORT,
      "--json",
    )
    expect(JSON.parse(stdout)).toMatchObject({
      decision: "policy_denied",
      rules: ["mail-within-the-company"],
      policy: { allowed: false, principals: [{ allowed: false }, { allowed: false }] },
    })
  })

  test.each<readonly [args: readonly string[], code: number, told: string]>([
    [[], 2, "one thing is explained at a time"],
    [["dec_1", "--call", "mail.send"], 2, "one thing is explained at a time"],
    [["--call", "mail.sendd", "--agent", SUPPORT], 2, "there is no tool `mail.sendd`"],
    [["--call", "mail.send", "--agent", "spiffe://example.org/agent/nobody"], 2, "there is no agent"],
    [["--call", "mail.send", "--agent", SUPPORT, "--arguments", "to"], 2, "`--arguments` is not a JSON object"],
    [["--call", "mail.send", "--policies", "nowhere"], 1, "nowhere does not check"],
  ])("that cannot be asked about: %j", async (args, code, told) => {
    const answer = await explain(...args)
    expect([answer.code, answer.stderr]).toEqual([code, expect.stringContaining(told)])
    expect(answer.stderr).not.toContain("    at ")
  })
})

describe("a call that was made", () => {
  const own = ownStack()

  /** Through the authorizer, as a gateway asks. @returns the decision's id */
  async function called(to: string, purpose = "answer-customer"): Promise<string> {
    const session = await login({ origin: own().stack.provider, user: "alice" })
    const actor = await workloadIdentity({ origin: own().stack.provider, id: SUPPORT, audience: own().stack.origin })
    const body = new URLSearchParams({
      grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
      subject_token: session.access_token,
      subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
      actor_token: actor,
      actor_token_type: "urn:ietf:params:oauth:token-type:jwt",
      purpose,
    })
    const granted: unknown = await (await fetch(`${own().stack.origin}/oauth/token`, { method: "POST", body })).json()
    expect(granted).toMatchObject({ access_token: expect.any(String) })
    const { access_token } = z.object({ access_token: z.string() }).parse(granted)
    const headers = {
      Authorization: `Bearer ${access_token}`,
      "Content-Type": "application/json",
      "X-Narrowgate-Key": developmentKey("edge"),
      "X-Narrowgate-Original-Path": "/mail/messages",
    }
    const question = { method: "POST", headers, body: JSON.stringify({ to, text: "hello" }) }
    const answer = await fetch(`${own().stack.origin}/authz/envoy/mail/messages`, question)
    return answer.headers.get("X-Narrowgate-Decision") ?? ""
  }

  const explain = async (...args: readonly string[]) => {
    const env = { NARROWGATE_URL: own().stack.origin, NARROWGATE_TOKEN: "" }
    return run(ROOT, ["explain", ...args, "--idp", own().stack.provider], env)
  }

  test("is explained from its record and the bundle that decided it", async () => {
    const id = await called("eve@evil.example")
    await expect.poll(async () => (await explain(id)).code, { timeout: 10_000 }).toBe(0)
    const { stdout } = await explain(id)
    expect(stdout).toMatch(new RegExp(`^${id} denied: policy_denied\n`))
    expect(stdout).toMatch(
      / {2}not permitted {2}Agent::"spiffe:\/\/example\.org\/agent\/support"\n {4}forbid mail-within-the-company holds/,
    )
    expect(stdout).toMatch(/it would be permitted\n {4}≈ context\.arguments\.to = "\S+@example\.org"/)
    const allowed = await called("ann@example.org")
    await expect
      .poll(async () => (await explain(allowed)).stdout, { timeout: 10_000 })
      .toMatch(/permit support-agents holds/)
    const ungranted = await called("ann@example.org", "triage-ticket")
    await expect.poll(async () => (await explain(ungranted)).code, { timeout: 10_000 }).toBe(0)
    const { stdout: beside } = await explain(ungranted)
    expect(beside).toMatch(/denied: insufficient_scope\n[^]*no rule decided this\n$/)
    expect(beside).not.toContain("permitted")
    const json: unknown = JSON.parse((await explain(id, "--json")).stdout)
    expect(json).toMatchObject({ record: { id }, policy: { allowed: false }, untold: [] })
  })
})
