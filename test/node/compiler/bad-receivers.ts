/** Receivers with one thing wrong: each a whole receivers.yaml beside the example. */
import type { BadDirectory } from "./bad-directories.ts"
import { badFileOf } from "./bad-file.ts"

const GOOD = `receivers:
  - id: desk
    format: standard
    url: https://desk.example/hooks
    events: [approval.asked, task.quarantined]
  - id: chat
    format: slack
    events: [approval.asked]
  - id: other
    format: set
    url: https://other.example/v1/events
    audience: https://other.example/v1/events
    events: [task.revoked, switch.set]
`

const bad = badFileOf("receivers", GOOD)

export const BAD_RECEIVERS: readonly BadDirectory[] = [
  bad("an event that there is none of", "task.quarantined", "task.quarantine", {
    message: /cannot be `task\.quarantine`/,
    fix: /Did you mean `task\.quarantined`\?/,
    at: "task.quarantine]",
  }),
  bad("no event", "[approval.asked, task.quarantined]", "[]", { message: /is too small/, at: "[]" }),
  bad("an unknown format", "format: slack", "format: teams", { message: /cannot be `teams`/, at: "teams" }),
  bad("an id that names no secret", "id: desk", "id: The Desk", {
    message: /not the id of a receiver/,
    at: "The Desk",
  }),
  bad("two of one id", "id: chat", "id: desk", {
    message: /receiver `desk` is there twice/,
    at: "desk\n    format: slack",
  }),
  bad("an event twice", "[approval.asked, task.quarantined]", "[approval.asked, approval.asked]", {
    message: /is there twice/,
    at: "approval.asked]\n  - id: chat",
  }),
  bad("no address", "    url: https://desk.example/hooks\n", "", {
    message: /receiver `desk` has no `url`/,
    fix: /`standard` needs it/,
    at: "id: desk",
  }),
  bad("no audience", "    audience: https://other.example/v1/events\n", "", {
    message: /receiver `other` has no `audience`/,
    at: "id: other",
  }),
  bad(
    "the address of a chat for everybody to read",
    "format: slack",
    "format: slack\n    url: https://chat.example/T0/B0/x",
    {
      message: /the address of a chat's webhook is a secret/,
      fix: /WEBHOOK_SECRETS/,
      at: "url: https://chat.example/T0/B0/x",
    },
  ),
  bad("an audience for a webhook", "format: slack", "format: slack\n    audience: x", {
    message: /`slack` takes no `audience`/,
    at: "audience: x",
  }),
  bad("arguments in a signal", "format: set", "format: set\n    arguments: true", {
    message: /`set` takes no `arguments`/,
    at: "arguments: true",
  }),
  bad("an address without TLS", "https://desk.example/hooks", "http://desk.example/hooks", {
    message: /not a URL that can be trusted/,
    at: "http://desk.example/hooks",
  }),
  ...["https://10.0.0.1/hooks", "https://desk.internal/hooks", "https://169.254.169.254/x"].map((url) =>
    bad(`a private host: ${url}`, "https://desk.example/hooks", url, {
      message: /is a private host/,
      fix: /public `https:\/\/` host/,
      at: url,
    }),
  ),
  bad("a question as a signal", "[task.revoked, switch.set]", "[approval.answered]", {
    message: /`approval\.answered` has no Security Event Token/,
    at: "approval.answered",
  }),
  bad("an approval that is not there", "format: slack", "format: slack\n    approvals: [finance]", {
    message: /no approval is called `finance`/,
    fix: /approvers\.yaml/,
    at: "finance",
  }),
  bad("a delegation token's audience", "audience: https://other.example/v1/events", "audience: https://api.example", {
    message: /audience of the delegation tokens of gateway/,
    at: "https://api.example",
  }),
]
