import { describe, expect, test } from "vitest"
import type { Notice, NoticeData, SwitchNotice, TaskEndNotice } from "../../../src/core/notices/notice.ts"
import { setEventOf } from "../../../src/core/notices/caep-event.ts"
import type { AgentDefinition } from "../../../src/core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../../../src/core/policy/definition/issuers.ts"
import { EVENTS, SIGNAL_EVENTS, type EventName } from "../../../src/core/policy/definition/receivers.ts"
import { eventOf } from "../../../src/core/policy/definition/security-events.ts"
import { resolveSubject, type KnownSubjects } from "../../../src/core/signals/event-subject.ts"
import type { Stopped } from "../../../src/core/signals/switch.ts"

const US = "https://authz.example"
const AT = 1_795_660_800_500
const SECONDS = 1_795_660_800
const TASK = `tsk_01J8ABCDEFGHJKM${"0".repeat(21)}`
const CAEP = "https://schemas.openid.net/secevent/caep/event-type/"

const END: TaskEndNotice = {
  kind: "end",
  task: TASK,
  tasks: [TASK, `${TASK}.1`],
  agent: "spiffe://example.org/agent/first",
  user: "https://idp.test|alice",
  purpose: "work",
  by: "guardrail",
  operator: null,
  code: "sequence_denied",
  guardrail: "no-leak",
}
const switched = (stopped: Stopped, before: number | null = null): SwitchNotice => ({
  kind: "switch",
  switch: "swi_1",
  stopped,
  before,
  operator: "https://idp.test|operator",
})
const noticed = (type: EventName, data: NoticeData): Notice => ({ id: "evt_1", type, at: AT, decision: "dec_1", data })
const signal = (type: EventName, data: NoticeData) => setEventOf(noticed(type, data), US)

const session = { format: "complex", session: { format: "opaque", id: TASK } }
const ended = { event_timestamp: SECONDS, initiating_entity: "policy", reason_admin: { en: "sequence_denied" } }
const set = { event_timestamp: SECONDS, initiating_entity: "admin" }

describe("what a Security Event Token says", () => {
  test.each<readonly [EventName, NoticeData, string, unknown, unknown]>([
    ["task.revoked", END, `${CAEP}session-revoked`, session, ended],
    [
      "task.aborted",
      { ...END, by: "agent", code: null, guardrail: null },
      `${CAEP}session-revoked`,
      session,
      { event_timestamp: SECONDS, initiating_entity: "system" },
    ],
    [
      "task.quarantined",
      END,
      "urn:narrowgate:event-type:task-quarantined",
      session,
      { ...ended, agent: END.agent, tasks: END.tasks },
    ],
    [
      "task.released",
      { ...END, by: "operator", code: null },
      "urn:narrowgate:event-type:task-released",
      session,
      { ...set, agent: END.agent, tasks: END.tasks },
    ],
    [
      "switch.set",
      switched({ kind: "user", user: "https://idp.test|a|b" }),
      `${CAEP}session-revoked`,
      { format: "iss_sub", iss: "https://idp.test", sub: "a|b" },
      set,
    ],
    [
      "switch.set",
      switched({ kind: "agent", agent: END.agent }, AT - 60_000),
      `${CAEP}session-revoked`,
      { format: "uri", uri: END.agent },
      { ...set, event_timestamp: SECONDS - 60 },
    ],
    [
      "switch.set",
      switched({ kind: "key", kid: "k1" }),
      `${CAEP}credential-change`,
      { format: "uri", uri: `${US}/.well-known/jwks.json#k1` },
      { ...set, credential_type: "jwk", change_type: "revoke" },
    ],
    [
      "switch.set",
      switched({ kind: "tool", tool: "files.*" }),
      "urn:narrowgate:event-type:switch-set",
      { format: "uri", uri: US },
      { ...set, switch: "swi_1", kind: "tool", tool: "files.*" },
    ],
    [
      "switch.set",
      switched({ kind: "issuer", issuer: "https://idp.test" }),
      "urn:narrowgate:event-type:switch-set",
      { format: "uri", uri: US },
      { ...set, switch: "swi_1", kind: "issuer", issuer: "https://idp.test" },
    ],
    [
      "switch.set",
      switched({ kind: "everything" }),
      "urn:narrowgate:event-type:switch-set",
      { format: "uri", uri: US },
      { ...set, switch: "swi_1", kind: "everything" },
    ],
    [
      "switch.lifted",
      switched({ kind: "user", user: "https://idp.test|alice" }, AT - 60_000),
      "urn:narrowgate:event-type:switch-lifted",
      { format: "iss_sub", iss: "https://idp.test", sub: "alice" },
      { ...set, switch: "swi_1", kind: "user" },
    ],
  ])("of %s %#", (type, data, uri, subject, claims) => {
    expect(signal(type, data)).toEqual({ type: uri, subject, claims })
  })

  test("is nothing of what people are asked", () => {
    const { task, agent, purpose } = END
    const data: NoticeData = {
      ...{ kind: "task", task, agent, purpose, user: "u", scope: "", bindingMessage: null, expiresAt: AT },
      answer: null,
    }
    for (const type of ["approval.asked", "approval.answered"] as const) expect(signal(type, data)).toBeNull()
    expect(EVENTS.filter((type) => !SIGNAL_EVENTS.includes(type))).toEqual(["approval.asked", "approval.answered"])
  })
})

describe("whom it is about, as another Narrowgate reads it", () => {
  const issuer: IssuerDefinition = {
    id: "idp",
    issuer: "https://idp.test",
    keys: { kind: "discovery" },
    algorithms: ["ES256"],
  }
  const agent: AgentDefinition = {
    id: END.agent,
    owner: "yard",
    groups: [],
    ceiling: { tools: [], max_sensitivity: "public", arguments: {} },
    purposes: [],
    delegates_to: [],
    depth: 0,
    life: 300,
    trees: { live: 1, per_minute: 1 },
    bound_key: false,
  }
  /** It may be told of all people, all agents and its own keys. */
  const known: KnownSubjects = {
    about: { users: [{ issuer: "idp", by: ["iss_sub", "opaque", "uri"] }], agents: ["*"], keys: true },
    issuers: [issuer],
    agents: new Map([[agent.id, agent]]),
    us: "https://other.example",
  }

  test.each<readonly [string, EventName, NoticeData, unknown]>([
    [
      "a user is that user",
      "switch.set",
      switched({ kind: "user", user: "https://idp.test|alice" }),
      { targets: [{ kind: "user", user: "https://idp.test|alice" }] },
    ],
    [
      "an agent is that agent",
      "switch.set",
      switched({ kind: "agent", agent: END.agent }),
      { targets: [{ kind: "agent", agent: END.agent }] },
    ],
    ["a task is nobody: neither its user nor its agent", "task.revoked", END, { targets: [] }],
  ])("%s", (_, type, data, expected) => {
    const told = signal(type, data)
    expect(told && eventOf(told.type)).toBe("session-revoked")
    expect(resolveSubject(told?.subject, known)).toEqual(expected)
  })

  test("a key of ours is none of its own, and what is lifted is no event that it knows", () => {
    const told = signal("switch.set", switched({ kind: "key", kid: "k1" }))
    const targets = resolveSubject(told?.subject, { ...known, about: { ...known.about, users: [] } })
    expect(targets).toEqual({ targets: [] })
    const lifted = signal("switch.lifted", switched({ kind: "user", user: "https://idp.test|alice" }))
    expect(lifted && eventOf(lifted.type)).toBeNull()
  })
})
