/**
 * The jobs of the starter policies `ci-agent`: which job is which agent is decided before any rule is asked, so no
 * decision table shows it.
 */
import { exportJWK, generateKeyPair, SignJWT } from "jose"
import { describe, expect, inject, it } from "vitest"
import { readCompact } from "../../src/credentials/jws/compact.ts"
import { isRejected } from "../../src/core/denials/terms/credential-rejection.ts"
import { verifyWorkloadToken } from "../../src/credentials/workload-token.ts"
import type { IssuerDefinition } from "../../src/core/policy/definition/issuers.ts"

describe("jobs of ci-agent", () => {
  const STAGING = {
    sub: "repo:acme@65001/shop@123456:ref:refs/heads/main",
    repository: "acme/shop",
    repository_id: "123456",
    ref: "refs/heads/main",
    job_workflow_ref: "acme/shop/.github/workflows/staging.yml@refs/heads/main",
    runner_environment: "github-hosted",
  }
  const PRODUCTION = {
    ...STAGING,
    sub: "repo:acme@65001/shop@123456:environment:production",
    environment: "production",
    job_workflow_ref: "acme/shop/.github/workflows/production.yml@refs/heads/main",
  }
  const NOW = 1_795_600_000_000
  const { issuers, agents } = inject("ciAgent")
  const US = "https://authz.example"

  async function agentOf(claims: object): Promise<unknown> {
    const { publicKey, privateKey } = await generateKeyPair("RS256")
    const github = issuers.find(({ id }) => id === "github")
    if (!github) throw new Error("no issuer is called github")
    const jwk = { ...(await exportJWK(publicKey)), kid: "1", alg: "RS256" }
    const issuer: IssuerDefinition = { ...github, keys: { kind: "inline", jwks: { keys: [jwk] } } }
    const token = await new SignJWT({ ...claims, jti: "1" })
      .setProtectedHeader({ alg: "RS256", typ: "JWT", kid: "1" })
      .setIssuer("https://token.actions.githubusercontent.com")
      .setAudience(US)
      .setIssuedAt(NOW / 1000)
      .setExpirationTime(NOW / 1000 + 300)
      .sign(privateKey)
    const compact = readCompact(token)
    if (isRejected(compact)) throw new Error("not a token")
    const reach = { now: NOW, local: false, background: () => undefined }
    const verified = await verifyWorkloadToken(compact, issuer, agents, US, reach)
    return isRejected(verified) ? verified.rejected : verified.agent
  }

  it.each([
    ["of the main branch", STAGING, "spiffe://example.org/ci/staging"],
    ["let into the environment", PRODUCTION, "spiffe://example.org/ci/production"],
  ])("one %s is its agent", async (_of, claims, agent) => {
    expect(await agentOf(claims)).toBe(agent)
  })

  it.each([
    ["of another branch", { ...STAGING, sub: "repo:acme@65001/shop@123456:ref:refs/heads/x" }, "subject_unknown"],
    ["of a pull request", { ...STAGING, sub: "repo:acme@65001/shop@123456:pull_request" }, "subject_unknown"],
    ["of a repository that took the name", { ...STAGING, repository_id: "999999" }, "claim_mismatch"],
    [
      "of another workflow",
      { ...STAGING, job_workflow_ref: "acme/shop/.github/workflows/x.yml@refs/heads/main" },
      "claim_mismatch",
    ],
    ["of a machine of its own", { ...STAGING, runner_environment: "self-hosted" }, "claim_mismatch"],
    ["let into production from another branch", { ...PRODUCTION, ref: "refs/heads/x" }, "claim_mismatch"],
    ["without the environment's claim", { ...PRODUCTION, environment: "staging" }, "claim_mismatch"],
  ])("one %s is nobody", async (_of, claims, reason) => {
    expect(await agentOf(claims)).toMatchObject({ reason })
  })
})
