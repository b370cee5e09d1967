import {
  IDENTITY_IS_FORGED,
  INSTANCE_IS_SHARED,
  PIPELINE_POSES_AS_ANOTHER,
  TASK_IS_COMPLETED,
  TOKEN_IS_COPIED,
  TOKEN_IS_STORED,
} from "../scenarios/credentials.ts"
import { TEST_REACHES_PRODUCTION, TOKEN_SPANS_GATEWAYS } from "../scenarios/environments.ts"
import { OTHER_WORK_IS_DONE } from "../scenarios/injection.ts"
import { READER_WRITES } from "../scenarios/misuse.ts"
import { REVOKED_AGENT_GOES_ON } from "../scenarios/rogue.ts"
import { TOOL_IS_CHANGED } from "../scenarios/supply.ts"
import { AGENT_APPROVES, PERSON_WORKS_AS_AGENT } from "../scenarios/trust.ts"
import type { Framework } from "./framework.ts"

export const OWASP_NHI: Framework = {
  id: "owasp-nhi",
  title: "OWASP Non-Human Identities Top 10",
  version: "2025, of December 2024",
  url: "https://owasp.org/www-project-non-human-identities-top-10/2025/top-10-2025/",
  entries: [
    {
      id: "NHI1:2025",
      title: "Improper Offboarding",
      words:
        "Identities that are no longer needed stay valid. An agent that is taken out of the policies can call no more once they are live, one that an operator revokes no more once that request is answered, and the token of a task that is done is not accepted. Accounts at other systems have to be closed there.",
      coverage: "answered",
      shownBy: [REVOKED_AGENT_GOES_ON, TASK_IS_COMPLETED],
      tests: ["test/promises/default-deny.test.ts: unknown agent: one that is registered no more can call no more"],
    },
    {
      id: "NHI2:2025",
      title: "Secret Leakage",
      words:
        "Keys and tokens end up where they do not belong. A token of an agent with `bound_key` is of no use without the agent's key, and no record has a token. Without a bound key, a leaked token works until it expires, after minutes. Secrets of others, such as those of an upstream, are not Narrowgate's.",
      coverage: "limited",
      shownBy: [TOKEN_IS_COPIED],
      tests: [
        "test/promises/record-keeps-secrets.test.ts: of nothing that was presented: no token, proof or key is in any record",
      ],
    },
    {
      id: "NHI3:2025",
      title: "Vulnerable Third-Party NHI",
      words:
        "A third party that holds an identity is taken over. Its tools are pinned, a client that registers itself never exceeds its class, and what an upstream gets is a Transaction Token that opens nothing here. What a third party does with its own rights elsewhere is not seen.",
      coverage: "limited",
      shownBy: [TOOL_IS_CHANGED],
      tests: [
        "test/promises/registered-clients.test.ts: never exceeds its class, whatever it asks for",
        "test/flow/transaction-tokens.test.ts: a transaction token opens nothing here",
      ],
    },
    {
      id: "NHI4:2025",
      title: "Insecure Authentication",
      words:
        "Weak or old ways to authenticate. No secret that is shared proves an agent: what counts is a signature by a key of its issuer, by a listed algorithm, in a token of the right kind. A public client is the exception: it proves nothing but that it has the code or the refresh token of a task to which its person has consented.",
      coverage: "limited",
      shownBy: [IDENTITY_IS_FORGED],
      tests: ["test/credentials/attacks.test.ts: a token of each kind is offered at the doors of all the others"],
    },
    {
      id: "NHI5:2025",
      title: "Overprivileged NHI",
      words:
        "An identity has more rights than its work needs. A task has at most what its purpose, the agent's ceiling, the request, the task above and policy all cover; the rights of the person are not inherited. Whether a purpose is wider than the work is for people to judge, from what `narrowgate suggest` finds unused.",
      coverage: "answered",
      shownBy: [OTHER_WORK_IS_DONE, READER_WRITES],
      tests: [
        "test/core/task/grant.test.ts: grants exactly what purpose, ceiling, request, parent and policy all cover",
      ],
    },
    {
      id: "NHI6:2025",
      title: "Insecure Cloud Deployment Configurations",
      words:
        "Pipelines reach production by static keys, or by tokens that are not checked strictly. A pipeline is identified by the exact issuer, subject and claims of its token, which must be for Narrowgate alone. Who may change the pipeline itself is for the platform to decide.",
      coverage: "answered",
      shownBy: [PIPELINE_POSES_AS_ANOTHER],
      tests: [
        "test/credentials/agent-identity.test.ts: with the issuer, subject and claims of one registered agent proves it",
      ],
    },
    {
      id: "NHI7:2025",
      title: "Long-Lived Secrets",
      words:
        "Credentials that expire too late. A delegation token lives a quarter of an hour at most, a task as long as its purpose says and a day at most, and identities that live too long are rejected. Keys with which platforms sign are rotated by these.",
      coverage: "answered",
      shownBy: [TOKEN_IS_STORED, TASK_IS_COMPLETED],
      tests: [
        "test/core/task/open.test.ts: no token lives longer than a quarter of an hour, whatever its agent's registration says",
      ],
    },
    {
      id: "NHI8:2025",
      title: "Environment Isolation",
      words:
        "One identity for test and production. A grant names its environments, a token is for one audience, and the environment of a call is that of the gateway's registration, whatever the agent says.",
      coverage: "answered",
      shownBy: [TEST_REACHES_PRODUCTION, TOKEN_SPANS_GATEWAYS],
    },
    {
      id: "NHI9:2025",
      title: "NHI Reuse",
      words:
        "Several programs share one identity. A token that is bound to the key of one is of no use to another, and a token is for one audience. Programs that share an agent's identity and have no key are not distinguished.",
      coverage: "limited",
      shownBy: [INSTANCE_IS_SHARED, TOKEN_SPANS_GATEWAYS],
    },
    {
      id: "NHI10:2025",
      title: "Human Use of NHI",
      words:
        "People work under a service's identity. A purpose needs a person unless it says otherwise, and the record names person and agents apart; what people decide needs their own token, not an agent's. A person who has the agent's key is the agent.",
      coverage: "limited",
      shownBy: [PERSON_WORKS_AS_AGENT, AGENT_APPROVES],
    },
  ],
}
