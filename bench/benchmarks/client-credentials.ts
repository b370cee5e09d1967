/**
 * A token for an agent that signs its own assertion: the token endpoint's whole way, against oidc-provider doing the
 * same.
 */
import { randomBytes } from "node:crypto"
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose"
import type { Benchmark } from "../benchmark.ts"
import { compare, type Side } from "../compare.ts"
import { prepare, type PreparedRequest } from "../load/request.ts"
import { AUDIENCE, ISSUER } from "../servers/identities.ts"
import { startNarrowgate } from "../servers/narrowgate.ts"
import { startOidcProvider } from "../servers/oidc-provider.ts"

export const clientCredentials: Benchmark = {
  name: "client-credentials",
  question: "client_credentials by private_key_jwt to an ES256 access token, against oidc-provider, by processor time",
  unit: "ratio",
  target: 0.6,
  async run(lab) {
    const signers = await Promise.all(Array.from({ length: ROBOTS }, makeRobot))
    const robots = Object.fromEntries(signers.map(({ id, publicJwk }) => [id, publicJwk]))
    await using narrowgate = await startNarrowgate(lab, robots)
    await using provider = await startOidcProvider(lab, robots, AUDIENCE)
    const requests = (audience: string, path: string, forged = false) => {
      return async (): Promise<readonly PreparedRequest[]> =>
        Promise.all(
          Array.from({ length: forged ? 1 : ASSERTIONS }, async (_, index) =>
            tokenRequest(signers[index % signers.length], audience, path, forged),
          ),
        )
    }
    const sideOf = async (
      name: string,
      { port, pid, complaints }: Pick<Side, "port" | "pid" | "complaints">,
      audience: string,
      path: string,
    ): Promise<Side> => ({
      name,
      port,
      pid,
      requests: requests(audience, path),
      probes: await requests(audience, path, true)(),
      counted: null,
      complaints,
    })
    const { cpuRatio, sides } = await compare(
      lab,
      await sideOf("Narrowgate", narrowgate.workerd, ISSUER, "/oauth/token"),
      await sideOf("oidc-provider", provider, provider.issuer, "/token"),
      LEAST_ROUND_MS,
    )
    return { value: cpuRatio, sides }
  },
}

/** A tree is made for each token. */
const LEAST_ROUND_MS = 1_000
/** So many agents that none comes near what it may open. */
const ROBOTS = 64
/** More than a round can ask; each is used once. */
const ASSERTIONS = 6_000

export interface Robot {
  readonly id: string
  readonly key: CryptoKey
  readonly publicJwk: JWK
}

export async function makeRobot(_: unknown, index: number): Promise<Robot> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  const publicJwk = { ...(await exportJWK(publicKey)), kid: "robot", alg: "ES256" }
  return { id: `https://robots.bench.example/${index}`, key: privateKey, publicJwk }
}

export async function tokenRequest(
  robot: Robot | undefined,
  audience: string,
  path: string,
  forged: boolean,
): Promise<PreparedRequest> {
  if (!robot) throw new Error("there is no such robot")
  const { id: client, key } = robot
  const assertion = await new SignJWT()
    .setProtectedHeader({ alg: "ES256", kid: "robot" })
    .setIssuer(client)
    .setSubject(client)
    .setAudience(audience)
    .setJti(randomBytes(12).toString("base64url"))
    .setIssuedAt()
    .setExpirationTime("5m")
    .sign(key)
  const body = new URLSearchParams({
    grant_type: "client_credentials",
    client_id: client,
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    client_assertion: forged ? `${assertion.slice(0, -8)}AAAAAAAA` : assertion,
  }).toString()
  const headers = { "content-type": "application/x-www-form-urlencoded" }
  const expected = forged
    ? ({ status: 401, contains: "invalid_client" } as const)
    : ({ status: 200, contains: "access_token" } as const)
  return prepare({ method: "POST", path, headers, body }, expected)
}
