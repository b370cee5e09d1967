/** Streams of events with one thing wrong: each a whole streams.yaml beside the example. */
import type { BadDirectory } from "./bad-directories.ts"
import { badFileOf } from "./bad-file.ts"

const GOOD = `streams:
  - id: first
    issuer: https://signals.example
    audiences: [https://authz.example/v1/events]
    keys: { jwks_uri: "https://signals.example/keys" }
    algorithms: [ES256]
    events: [session-revoked, account-enabled]
    about: { users: [{ issuer: local }] }
`

const bad = badFileOf("streams", GOOD)

const SECOND = GOOD.slice(GOOD.indexOf("  - id")).replace("id: first", "id: second")

export const BAD_STREAMS: readonly BadDirectory[] = [
  bad("an event that there is none of", "account-enabled", "account-enabeld", {
    message: /cannot be `account-enabeld`/,
    fix: /Did you mean `account-enabled`\?/,
    at: "account-enabeld",
  }),
  bad("an event that every stream may send", "account-enabled", "verification", {
    message: /cannot be `verification`/,
    at: "verification",
  }),
  bad("no event", "[session-revoked, account-enabled]", "[]", { message: /is too small/, at: "[]" }),
  bad("a key instead of its digest", "    events", "    key_sha256: [secret]\n    events", {
    message: /not a SHA-256/,
    at: "secret",
  }),
  bad("keys by discovery", 'jwks_uri: "https://signals.example/keys"', "discovery: true", {
    message: /unknown key `discovery`/,
    follows: /keys come from exactly one place/,
    at: "discovery",
  }),
  bad("keys on a private host", "https://signals.example/keys", "https://signals.internal/keys", {
    message: /`signals\.internal` is a private host/,
    at: '"https://signals.internal/keys"',
  }),
  bad("a shared-secret algorithm", "[ES256]", "[HS256]", { message: /cannot be `HS256`/, at: "HS256" }),
  bad("an issuer with a blank", "https://signals.example\n", "https://signals.example /\n", {
    message: /not the value of a claim/,
    at: "https://signals.example /",
  }),
  bad("the keys of a trust domain", "https://signals.example/keys", "http://127.0.0.1:8788/workload/keys", {
    message: /the keys are those of trust domain `example\.org` too/,
    at: "{ jwks_uri",
  }),
  bad("an issuer's people that there are none of", "issuer: local", "issuer: locl", {
    message: /no issuer is called `locl`/,
    fix: /Did you mean `local`\?/,
    at: "locl",
  }),
  bad("an issuer that is not trusted for people", "issuer: local", "issuer: workloads", {
    message: /`workloads` is not trusted for people/,
    at: "workloads",
  }),
  bad("nobody", "{ users: [{ issuer: local }] }", "{}", { message: /may speak of nobody/, at: "{}" }),
  bad(
    "a format that nobody could say whose it is",
    "[{ issuer: local }]",
    '[{ issuer: local, by: [email] }, { issuer: local, by: [opaque, "email"] }]',
    {
      message: /`email` names people of several entries/,
      at: '"email"',
    },
  ),
  bad("an unknown agent", "users: [{ issuer: local }]", "agents: [spiffe://example.org/agent/suport]", {
    message: /no agent is called/,
    fix: /Did you mean `spiffe:\/\/example\.org\/agent\/support`\?/,
    at: "spiffe://example.org/agent/suport",
  }),
  bad("an effect that does not follow", "    about", "    effects: { account-enabled: stop }\n    about", {
    message: /`stop` does not follow from `account-enabled`/,
    fix: /Write one of: lift, none\./,
    at: "stop }",
  }),
  bad(
    "an effect of an event that it may not tell",
    "    about",
    "    effects: { account-disabled: revoke }\n    about",
    {
      message: /may not report `account-disabled`/,
      at: "account-disabled",
    },
  ),
  bad("a level beyond the highest", "    about", "    risk: { high: 101 }\n    about", {
    message: /is too large/,
    at: "101",
  }),
  {
    name: "streams: two of one name",
    file: "streams.yaml",
    replace: GOOD + SECOND.replace("id: second", 'id: "first"').replace("/v1/events", "/2"),
    message: /stream `first` is there twice/,
    at: '"first"',
  },
  {
    name: "streams: two that a token could be of",
    file: "streams.yaml",
    replace: GOOD + SECOND.replace("[https://authz.example/v1/events]", '["https://authz.example/v1/events"]'),
    at: '"https://authz.example/v1/events"',
    message: /stream `first` has the same issuer and this audience/,
  },
]
