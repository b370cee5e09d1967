import { describe, expect, test } from "vitest"
import type { AgentDefinition } from "../../../src/core/policy/definition/agents.ts"
import type { IssuerDefinition } from "../../../src/core/policy/definition/issuers.ts"
import { resolveSubject, type KnownSubjects } from "../../../src/core/signals/event-subject.ts"

const CEILING = { tools: [], max_sensitivity: "public", arguments: {} } as const
const agent = (id: string, subject?: string): AgentDefinition => ({
  id,
  owner: "o",
  groups: [],
  ceiling: CEILING,
  purposes: [],
  delegates_to: [],
  depth: 0,
  life: 300,
  trees: { live: 1, per_minute: 1 },
  bound_key: false,
  ...(subject !== undefined && { identities: [{ kind: "workload", issuer: "ci", subject, claims: {} }] }),
})
const issuer = (id: string, more: Partial<IssuerDefinition> = {}): IssuerDefinition => ({
  id,
  issuer: `https://${id}.test`,
  keys: { kind: "discovery" },
  algorithms: ["ES256"],
  ...more,
})
const AGENTS = [
  agent("spiffe://o/a"),
  agent("https://o/b", "repo:b"),
  agent("https://o/c", "repo:b"),
  agent("spiffe://o/x"),
]

const KNOWN: KnownSubjects = {
  us: "https://authz.example",
  issuers: [issuer("idp"), issuer("second"), issuer("ci", { workloads: {} })],
  agents: new Map(AGENTS.map((one) => [one.id, one])),
  about: {
    users: [{ issuer: "idp", by: ["iss_sub", "email", "opaque", "account", "phone_number", "did", "uri"] }],
    agents: ["spiffe://o/a", "https://o/b"],
    keys: true,
  },
}

const user = (name: string) => ({ targets: [{ kind: "user", user: `https://idp.test|${name}` }] })
const agents = (...ids: readonly string[]) => ({ targets: ids.map((id) => ({ kind: "agent", agent: id })) })
const NOBODY = { targets: [] }
const FOREIGN = { foreign: true }
const MALFORMED = { malformed: expect.any(String) }
const alice = { format: "iss_sub", iss: "https://idp.test", sub: "alice" }
const bob = { format: "iss_sub", iss: "https://second.test", sub: "bob" }

describe("a subject identifier", () => {
  test.each<readonly [unknown, unknown]>([
    [alice, user("alice")],
    [{ format: "email", email: "alice@o.test" }, user("alice@o.test")],
    [{ format: "opaque", id: "11112222" }, user("11112222")],
    [{ format: "account", uri: "acct:alice@o.test" }, user("acct:alice@o.test")],
    [{ format: "phone_number", phone_number: "+12065550123" }, user("+12065550123")],
    [{ format: "did", url: "did:example:1" }, user("did:example:1")],
    [{ format: "uri", uri: "https://o.test/people/1" }, user("https://o.test/people/1")],
    // Drafts of before.
    [{ subject_type: "iss-sub", iss: "https://idp.test", sub: "alice" }, user("alice")],
    [{ user: alice, device: { format: "opaque", id: "d" } }, user("alice")],
    // Agents and keys.
    [{ format: "uri", uri: "spiffe://o/a" }, agents("spiffe://o/a")],
    [{ format: "uri", uri: "spiffe://o/x" }, FOREIGN],
    [{ format: "iss_sub", iss: "https://ci.test", sub: "repo:b" }, agents("https://o/b")],
    [{ format: "iss_sub", iss: "https://ci.test", sub: "repo:z" }, NOBODY],
    [
      { format: "uri", uri: "https://authz.example/.well-known/jwks.json#k1" },
      { targets: [{ kind: "key", kid: "k1" }] },
    ],
    [{ format: "uri", uri: "https://authz.example/.well-known/jwks.json#k 1" }, MALFORMED],
    // Somebody else's.
    [bob, FOREIGN],
    [{ ...alice, iss: "https://idp.test/" }, FOREIGN],
    [{ ...alice, iss: "https://nobody.test" }, FOREIGN],
    [{ format: "complex", user: bob }, FOREIGN],
    [{ format: "aliases", identifiers: [bob] }, FOREIGN],
    [{ format: "aliases", identifiers: [bob, alice] }, user("alice")],
    [{ format: "aliases", identifiers: [alice, alice] }, user("alice")],
    [
      { format: "aliases", identifiers: [{ format: "email", email: "a@o.test" }, alice] },
      { targets: [...user("a@o.test").targets, ...user("alice").targets] },
    ],
    // Complex ones: about the person as a whole.
    [{ format: "complex", user: alice, session: { format: "opaque", id: "s" }, tenant: bob }, user("alice")],
    [{ format: "complex", application: { format: "uri", uri: "spiffe://o/a" } }, agents("spiffe://o/a")],
    [{ format: "complex", device: bob, tenant: { format: "opaque", id: "t" } }, NOBODY],
    [{ format: "complex", user: { format: "aliases", identifiers: [alice] } }, user("alice")],
    // Not understood.
    [{ format: "jwt_id", iss: "https://idp.test", jti: "j" }, NOBODY],
    [{ format: "saml_assertion_id", issuer: "https://idp.test", assertion_id: "a" }, NOBODY],
    [{ format: "catalog_item", catalog_id: "c" }, NOBODY],
    [{ format: "email", email: `${"a".repeat(256)}@o.test` }, NOBODY],
    // As long as a session may call somebody: characters, not their halves.
    [{ ...alice, sub: "\u{1f600}".repeat(255) }, user("\u{1f600}".repeat(255))],
    [{ ...alice, sub: "\u{1f600}".repeat(256) }, NOBODY],
    [{ format: "constructor" }, NOBODY],
    // Unreadable.
    [undefined, MALFORMED],
    ["alice", MALFORMED],
    [[alice], MALFORMED],
    [{}, MALFORMED],
    [{ format: 1 }, MALFORMED],
    [{ format: "iss_sub", sub: "alice" }, MALFORMED],
    [{ format: "iss_sub", iss: "https://idp.test" }, MALFORMED],
    [{ ...alice, sub: ["alice"] }, MALFORMED],
    [{ ...alice, sub: "alice\n" }, MALFORMED],
    [{ format: "email" }, MALFORMED],
    [{ format: "aliases", identifiers: [] }, MALFORMED],
    [{ format: "aliases", identifiers: Array.from({ length: 17 }, () => alice) }, MALFORMED],
    [{ format: "aliases", identifiers: [{ format: "aliases", identifiers: [alice] }] }, MALFORMED],
    [{ format: "aliases", identifiers: [{ subject_type: "aliases", identifiers: [alice] }] }, MALFORMED],
    [{ format: "aliases", identifiers: [{ user: alice }] }, MALFORMED],
    [{ format: "complex", user: { format: "complex", user: alice } }, MALFORMED],
    [{ format: "uri", uri: "https://authz.example/.well-known/jwks.json#k1#k2" }, MALFORMED],
    [{ format: "complex", user: "alice" }, MALFORMED],
  ])("%j", (id, expected) => {
    expect(resolveSubject(id, KNOWN)).toEqual(expected)
  })

  test("names nobody by a format that the stream's entry does not have, and no key where it may pull none", () => {
    const about = { users: [{ issuer: "idp", by: ["iss_sub"] as const }], agents: [], keys: false }
    const known = { ...KNOWN, about }
    expect(resolveSubject({ format: "email", email: "alice@o.test" }, known)).toEqual(NOBODY)
    expect(resolveSubject({ format: "uri", uri: `${KNOWN.us}/.well-known/jwks.json#k1` }, known)).toEqual(FOREIGN)
    expect(resolveSubject({ format: "uri", uri: "spiffe://o/a" }, known)).toEqual(FOREIGN)
    // It speaks of no agents: who are there is not for it to learn.
    expect(resolveSubject({ format: "iss_sub", iss: "https://ci.test", sub: "repo:z" }, known)).toEqual(FOREIGN)
    const all = { ...KNOWN, about: { ...about, agents: ["*"] } }
    expect(resolveSubject({ format: "iss_sub", iss: "https://ci.test", sub: "repo:b" }, all)).toEqual(
      agents("https://o/b", "https://o/c"),
    )
  })
})
