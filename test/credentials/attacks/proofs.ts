/** DPoP (RFC 9449 4.3, 11): a proof is for one token, one method, one URL, one moment, by one key, and for once. */
import { openChild, openTask, type OpenTask } from "../../harness/agents.ts"
import { knock, repeat } from "../../harness/door.ts"
import { bundled, idTokenOf, svidOf } from "../../harness/besieged.ts"
import {
  attack,
  call,
  callRefused,
  exchange,
  proofRefused,
  proofRefusedForToken,
  requestRefused,
  type Attacks,
  type Headers,
} from "../../harness/attacks.ts"
import {
  forge,
  forgeWithSecret,
  newSigner,
  newWeakSigner,
  publicKeyBytes,
  twinOf,
  type Signer,
} from "../../harness/forge.ts"
import { ASKING, keyOf } from "../../harness/gateways.ts"
import { agentId, US } from "../../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf, type Changes } from "../../harness/proofs.ts"
import { sha256Base64url } from "../../../src/core/encoding/hash.ts"

const holder = await newProofKey()
const thief = await newProofKey()
const p384 = await newSigner("p384", "ES384")
const rsa = await newSigner("rsa", "RS256")
const rsa1024 = await newWeakSigner("weak", 1024, 65_537)
const rsaExponent3 = await newWeakSigner("weak", 2048, 3)

const NOT_COMPACT = "malformed: it is no compact JWS"
const TWICE = "its claims: it has a key twice, or two that some readers take for one"
const URI = "https://api.test/files/a"
const TOKEN_URI = `${US}/oauth/token`
const bound = async (): Promise<OpenTask> => openTask("first", {}, await proofForToken(holder))
const now = (): number => Math.floor(Date.now() / 1000)

const show = (token: string, proof: string, headers: Headers = {}, path = "/files/a", method = "GET"): Request =>
  call(`DPoP ${token}`, { DPoP: proof, ...headers }, path, method)

/** A proof that is right but for what is changed, at the gateway and at the token endpoint. */
const CHANGES: Readonly<Record<string, readonly [() => Changes, string]>> = {
  "of another method": [() => ({ claims: { htm: "DELETE" } }), "htm"],
  "of the method in lower case": [() => ({ claims: { htm: "get" } }), "htm"],
  "of all methods": [() => ({ claims: { htm: "*" } }), "htm"],
  "of no method": [() => ({ claims: { htm: undefined } }), "claim_missing"],
  "of a list of methods": [() => ({ claims: { htm: ["GET", "POST"] } }), "claim_missing"],
  "of no URL": [() => ({ claims: { htu: undefined } }), "claim_missing"],
  "of a list of URLs": [() => ({ claims: { htu: [URI, TOKEN_URI] } }), "claim_missing"],
  "of an empty URL": [() => ({ claims: { htu: "" } }), "htu"],
  "of all URLs": [() => ({ claims: { htu: "*" } }), "htu"],
  "of another host": [() => ({ claims: { htu: "https://evil.test/files/a" } }), "htu"],
  "of no name": [() => ({ claims: { jti: undefined } }), "claim_missing"],
  "of an empty name": [() => ({ claims: { jti: "" } }), "claim_missing"],
  "of a name too long": [() => ({ claims: { jti: "j".repeat(257) } }), "claim_missing"],
  "whose name is a number": [() => ({ claims: { jti: 1 } }), "claim_missing"],
  "of no time": [() => ({ claims: { iat: undefined } }), "claim_missing"],
  "whose time is a text": [() => ({ claims: { iat: String(now()) } }), "claim_missing"],
  "whose time is null": [() => ({ claims: { iat: null } }), "claim_missing"],
  "of two minutes ago": [() => ({ claims: { iat: now() - 120 } }), "iat"],
  "of two minutes ahead": [() => ({ claims: { iat: now() + 120 } }), "iat"],
  "in milliseconds": [() => ({ claims: { iat: Date.now() } }), "iat"],
  "that has expired": [() => ({ claims: { exp: now() - 1 } }), "expired"],
  "that is not valid yet": [() => ({ claims: { nbf: now() + 60 } }), "not_yet_valid"],
  "whose nonce is too long": [() => ({ claims: { nonce: "n".repeat(257) } }), "claim_missing"],
  "whose nonce is a number": [() => ({ claims: { nonce: 1 } }), "claim_missing"],
  "of no type": [() => ({ header: { typ: undefined } }), "type_refused"],
  "of the type JWT": [() => ({ header: { typ: "JWT" } }), "type_refused"],
  "of the type of our tokens": [() => ({ header: { typ: "at+jwt" } }), "type_refused"],
  "with no key": [() => ({ header: { jwk: undefined } }), "key_refused"],
  "with a key that is a text": [() => ({ header: { jwk: JSON.stringify(holder.publicJwk) } }), "key_refused"],
  "with a key that is a list": [() => ({ header: { jwk: [holder.publicJwk] } }), "key_refused"],
  "with a private key inside": [() => ({ header: { jwk: holder.privateJwk } }), "key_refused"],
  "with a symmetric key inside": [() => ({ header: { jwk: { kty: "oct", k: "AAAA" } } }), "key_refused"],
  "with a symmetric part beside the key": [
    () => ({ header: { jwk: { ...holder.publicJwk, k: "AAAA" } } }),
    "key_refused",
  ],
  "with a key for encryption": [() => ({ header: { jwk: { ...holder.publicJwk, use: "enc" } } }), "key_refused"],
  "with a key for other operations": [
    () => ({ header: { jwk: { ...holder.publicJwk, key_ops: ["sign"] } } }),
    "key_refused",
  ],
  "with a key of another algorithm": [
    () => ({ header: { jwk: { ...holder.publicJwk, alg: "ES384" } } }),
    "key_refused",
  ],
  "with a key that is not on its curve": [
    () => ({ header: { jwk: { ...holder.publicJwk, y: holder.publicJwk.x } } }),
    "key_refused",
  ],
  "with a key of another curve": [() => ({ header: { jwk: p384.publicJwk } }), "key_refused"],
  "with an RSA key, said to be by ES256": [() => ({ header: { jwk: rsa.publicJwk } }), "key_refused"],
  "with another's key": [() => ({ header: { jwk: thief.publicJwk } }), "signature_invalid"],
  "with the holder's key, signed by another": [() => ({ key: thief.key }), "signature_invalid"],
  "that also names its key's address": [() => ({ header: { jku: "https://evil.test/keys" } }), "header_refused"],
  "with a certificate": [() => ({ header: { x5c: ["MIIB"] } }), "header_refused"],
}
/** `jose` would refuse to write these. */
const FORGED: Readonly<Record<string, readonly [(claims: object) => Promise<string>, string]>> = {
  "by alg none": [async (claims) => forged(claims, { alg: "none" }), "algorithm_refused"],
  "by alg None": [async (claims) => forged(claims, { alg: "None" }), "algorithm_refused"],
  "by alg ES512, which no proof may have": [async (claims) => forged(claims, { alg: "ES512" }), "algorithm_refused"],
  "by HS256 with the holder's public key": [
    async (claims) => {
      const secret = (await publicKeyBytes(holder.publicJwk))["JWK"] ?? new Uint8Array()
      return forgeWithSecret({ typ: "dpop+jwt", alg: "HS256", jwk: holder.publicJwk }, { ...claims }, secret)
    },
    "algorithm_refused",
  ],
  "by HS256 with a symmetric key inside": [
    async (claims) => {
      const secret = new Uint8Array(32)
      const jwk = { kty: "oct", k: secret.toBase64({ alphabet: "base64url", omitPadding: true }) }
      return forgeWithSecret({ typ: "dpop+jwt", alg: "HS256", jwk }, { ...claims }, secret)
    },
    "algorithm_refused",
  ],
  "by an RSA key of 1024 bits": [async (claims) => byRsa(claims, rsa1024), "key_refused"],
  "by an RSA key of exponent 3": [async (claims) => byRsa(claims, rsaExponent3), "key_refused"],
  "by RS256, said to be by PS256": [
    async (claims) => forge({ typ: "dpop+jwt", alg: "PS256", jwk: rsa.publicJwk }, { ...claims }, rsa, "RS256"),
    "signature_invalid",
  ],
  "with an extension that must be understood": [
    async (claims) => forged(claims, { alg: "ES256", crit: ["x"], x: 1 }),
    "header_refused",
  ],
  "with a key twice": [
    async (claims) =>
      forge(
        JSON.stringify({ typ: "dpop+jwt", alg: "ES256", jwk: holder.publicJwk }),
        JSON.stringify(claims).replace("{", '{"htm":"DELETE",'),
        holder,
      ),
    `malformed: ${TWICE}`,
  ],
}
const forged = async (claims: object, header: object): Promise<string> =>
  forge({ typ: "dpop+jwt", jwk: holder.publicJwk, ...header }, { ...claims }, holder)
const byRsa = async (claims: object, by: Signer): Promise<string> =>
  forge({ typ: "dpop+jwt", alg: "RS256", jwk: by.publicJwk }, { ...claims }, by, "RS256")

const claimsFor = (htm: string, htu: string, token: string | null) => ({
  jti: crypto.randomUUID(),
  htm,
  htu,
  iat: now(),
  ...(token === null ? {} : { ath: sha256Base64url(token) }),
})

const changed = Object.fromEntries(
  Object.entries(CHANGES).flatMap(([what, [changes, why]]) => [
    [
      `gateway: a proof ${what}`,
      attack(proofRefused(why), async () => {
        const { token } = await bound()
        return show(token, await proofOf(holder, "GET", URI, token, changes()))
      }),
    ],
    [
      `token endpoint: a proof ${what}`,
      attack(proofRefusedForToken(why), async () => exchange({}, { DPoP: await proofForToken(holder, changes()) })),
    ],
  ]),
)
const forgeries = Object.fromEntries(
  Object.entries(FORGED).flatMap(([what, [make, why]]) => [
    [
      `gateway: a proof ${what}`,
      attack(proofRefused(why), async () => {
        const { token } = await bound()
        return show(token, await make(claimsFor("GET", URI, token)))
      }),
    ],
    [
      `token endpoint: a proof ${what}`,
      attack(proofRefusedForToken(why), async () =>
        exchange({}, { DPoP: await make(claimsFor("POST", TOKEN_URI, null)) }),
      ),
    ],
  ]),
)

/**
 * None is the URL that was called: which of its spellings are, RFC 3986 6.2.2 and 6.2.3 say, and a gateway does not
 * resolve paths.
 */
const URLS: Readonly<Record<string, string>> = {
  "another path": "https://api.test/files/b",
  "a shorter path": "https://api.test/files",
  "a longer path": "https://api.test/files/a/b",
  "a slash at the end": "https://api.test/files/a/",
  "two slashes": "https://api.test//files/a",
  "dot segments": "https://api.test/x/../files/a",
  "a single dot": "https://api.test/./files/a",
  "an encoded letter": "https://api.test/files/%61",
  "an encoded slash": "https://api.test/files%2Fa",
  "a path in another case": "https://api.test/Files/a",
  "a path parameter": "https://api.test/files/a;x=1",
  "another scheme": "http://api.test/files/a",
  "a scheme of websockets": "wss://api.test/files/a",
  "another port": "https://api.test:8443/files/a",
  "the port of another scheme": "https://api.test:80/files/a",
  "a host below": "https://x.api.test/files/a",
  "a host above": "https://test/files/a",
  "a host with something behind": "https://api.test.evil.test/files/a",
  "a dot behind the host": "https://api.test./files/a",
  "another host by a user": "https://api.test@evil.test/files/a",
  "no scheme": "//api.test/files/a",
  "the path alone": "/files/a",
  "the host alone": "https://api.test",
  "a look-alike host": "https://аpi.test/files/a",
  "the authorizer's own host": `${US}/files/a`,
  "the question that the gateway asks": `${US}/authz/envoy/files/a`,
  "a blank before it": " https://api.test/files/a",
  "a blank behind it": "https://api.test/files/a ",
  "no URL": "api.test/files/a",
  // One reader takes these for our host, another for somebody else's: they are nobody's.
  "a user": "https://user@api.test/files/a",
  "a user that looks like a host": "https://evil.test@api.test/files/a",
  "a host behind a backslash": String.raw`https://api.test\@evil.test/files/a`,
  "a tab inside the host": "https://api.te\tst/files/a",
  "a line break inside the host": "https://api.test\n/files/a",
}
const urls = Object.fromEntries(
  Object.entries(URLS).map(([what, htu]) => [
    `gateway: a proof for ${what}`,
    attack(proofRefused("htu"), async () => {
      const { token } = await bound()
      return show(token, await proofOf(holder, "GET", htu, token))
    }),
  ]),
)
const tokenUrls = Object.fromEntries(
  [`${US}/oauth/token/`, `${US}/oauth/../oauth/token`, `${US}/OAuth/token`, "http://authz.example/oauth/token", US].map(
    (htu) => [
      `token endpoint: a proof for ${htu}`,
      attack(proofRefusedForToken("htu"), async () => exchange({}, { DPoP: await proofOf(holder, "POST", htu, null) })),
    ],
  ),
)

/** The client says where it believes to be: to whoever asks for it, never to what the proof is held against. */
const INJECTED: Readonly<Record<string, readonly [htu: string, headers: Headers]>> = {
  Host: ["https://evil.test/files/a", { Host: "evil.test" }],
  "X-Forwarded-Host": ["https://evil.test/files/a", { "X-Forwarded-Host": "evil.test" }],
  "X-Forwarded-Proto": ["http://api.test/files/a", { "X-Forwarded-Proto": "http" }],
  "X-Forwarded-Port": ["https://api.test:8443/files/a", { "X-Forwarded-Port": "8443" }],
  "X-Forwarded-Prefix": ["https://api.test/x/files/a", { "X-Forwarded-Prefix": "/x" }],
  "X-Original-URL": ["https://api.test/files/b", { "X-Original-URL": "/files/b", "X-Rewrite-URL": "/files/b" }],
  Forwarded: ["https://evil.test/files/a", { Forwarded: "host=evil.test;proto=https" }],
}
const injected = Object.fromEntries(
  Object.entries(INJECTED).map(([header, [htu, headers]]) => [
    `gateway: a proof for what ${header} claims`,
    attack(proofRefused("htu"), async () => {
      const { token } = await bound()
      return show(token, await proofOf(holder, "GET", htu, token), headers)
    }),
  ]),
)

async function used(request: Request): Promise<void> {
  const { status } = await knock(request.clone())
  if (status !== 200) throw new Error(`the first use is refused: ${status}`)
}

/** Used once, and then again. */
async function again(use: () => Promise<Request>, then: (request: Request) => Request = (request) => request) {
  const request = await use()
  await used(request)
  return then(request)
}
const withHeader = (request: Request, name: string, value: string): Request => {
  const changed = new Request(request)
  changed.headers.set(name, value)
  return changed
}

const replayed = callRefused({ reason: "proof_replayed" })
const replayedForToken = requestRefused({ reason: "proof_replayed" }, "invalid_dpop_proof")
const called = async (): Promise<Request> => {
  const { token } = await bound()
  return show(token, await proofOf(holder, "GET", URI, token))
}

export const proofs: Attacks = {
  ...changed,
  ...forgeries,
  ...urls,
  ...tokenUrls,
  ...injected,
  "gateway: no proof": attack(callRefused({ reason: "proof_missing" }), async () =>
    call(`DPoP ${(await bound()).token}`),
  ),
  "gateway: an empty proof": attack(proofRefused(NOT_COMPACT), async () => show((await bound()).token, "")),
  "gateway: a proof too long": attack(proofRefused("too_long"), async () =>
    show((await bound()).token, "A".repeat(4_097)),
  ),
  "gateway: a proof of a megabyte": attack(proofRefused("too_long"), async () =>
    show((await bound()).token, "A".repeat(1_000_000)),
  ),
  "gateway: a proof of thirty kilobytes": attack(proofRefused("too_long"), async () =>
    show((await bound()).token, "A".repeat(30_000)),
  ),
  "gateway: another's proof": attack(proofRefused("another key"), async () => {
    const { token } = await bound()
    return show(token, await proofOf(thief, "GET", URI, token))
  }),
  "gateway: a proof used before": attack(replayed, async () => again(called)),
  "gateway: a proof used before, with its signature's twin": attack(replayed, async () =>
    again(called, (request) => withHeader(request, "DPoP", twinOf(request.headers.get("dpop") ?? ""))),
  ),
  "gateway: a proof used before, made anew by the same name": attack(replayed, async () => {
    const { token } = await bound()
    const claims = { jti: "the same" }
    await used(show(token, await proofOf(holder, "GET", URI, token, { claims })))
    return show(token, await proofOf(holder, "GET", `${URI}?x=1`, token, { claims: { ...claims, iat: now() - 1 } }))
  }),
  "gateway: a proof used before, at another gateway of the audience": attack(replayed, async () =>
    again(called, (request) => {
      const headers = {
        Authorization: request.headers.get("authorization") ?? "",
        DPoP: request.headers.get("dpop") ?? "",
      }
      return ASKING.traefik({ path: "/files/a", headers }, keyOf("traefik"))
    }),
  ),
  "gateway: a proof used before, with another token of the task": attack(proofRefused("ath"), async () => {
    const first = await bound()
    const proof = await proofOf(holder, "GET", URI, first.token)
    await used(show(first.token, proof))
    const more = { subject_token: first.token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token" }
    return show((await openTask("first", more, await proofForToken(holder))).token, proof)
  }),
  "gateway: a proof of another task's token": attack(proofRefused("ath"), async () =>
    show((await bound()).token, await proofOf(holder, "GET", URI, (await bound()).token)),
  ),
  "gateway: a proof of no token": attack(proofRefused("ath"), async () =>
    show((await bound()).token, await proofOf(holder, "GET", URI, null)),
  ),
  "gateway: a proof of an empty token": attack(proofRefused("ath"), async () =>
    show((await bound()).token, await proofOf(holder, "GET", URI, "")),
  ),
  "gateway: a proof whose ath is in hexadecimal": attack(proofRefused("ath"), async () => {
    const { token } = await bound()
    const ath = Uint8Array.fromBase64(sha256Base64url(token), { alphabet: "base64url" }).toHex()
    return show(token, await proofOf(holder, "GET", URI, token, { claims: { ath } }))
  }),
  "gateway: a proof whose ath is padded": attack(proofRefused("ath"), async () => {
    const { token } = await bound()
    return show(token, await proofOf(holder, "GET", URI, token, { claims: { ath: `${sha256Base64url(token)}=` } }))
  }),
  "gateway: a proof whose ath is the token": attack(proofRefused("ath"), async () => {
    const { token } = await bound()
    return show(token, await proofOf(holder, "GET", URI, token, { claims: { ath: token } }))
  }),
  "gateway: a proof of a read for a write": attack(proofRefused("htm"), async () => {
    const { token } = await bound()
    return show(token, await proofOf(holder, "GET", URI, token), {}, "/files/a", "PUT")
  }),
  "gateway: two proofs in two headers": attack(proofRefused(NOT_COMPACT), async () => {
    const { token } = await bound()
    const request = show(token, await proofOf(holder, "GET", URI, token))
    repeat(request, "DPoP", await proofOf(holder, "GET", URI, token))
    return request
  }),
  "gateway: two proofs and a comma": attack(proofRefused(NOT_COMPACT), async () => {
    const { token } = await bound()
    const proof = await proofOf(holder, "GET", URI, token)
    return show(token, `${proof},${proof}`)
  }),
  "gateway: a proof and a comma": attack(proofRefused(NOT_COMPACT), async () => {
    const { token } = await bound()
    return show(token, `${await proofOf(holder, "GET", URI, token)},`)
  }),
  "gateway: the proof of the token endpoint": attack(proofRefused("htu"), async () =>
    show((await bound()).token, await proofForToken(holder), {}, "/files/a", "POST"),
  ),
  "gateway: the host of another origin, chosen by X-Forwarded-Host": attack(proofRefused("htu"), async () => {
    const { token } = await bound()
    const headers = {
      Authorization: `DPoP ${token}`,
      DPoP: await proofOf(holder, "GET", "https://other.test/files/a", token),
    }
    return ASKING.caddy({ path: "/files/a", headers }, keyOf("twin"))
  }),
  "gateway: a host that X-Forwarded-Host claims, at a gateway of one origin": attack(proofRefused("htu"), async () => {
    const { token } = await bound()
    const DPoP = await proofOf(holder, "GET", "https://evil.test/files/a", token)
    const request = ASKING.traefik(
      { path: "/files/a", headers: { Authorization: `DPoP ${token}`, DPoP } },
      keyOf("traefik"),
    )
    request.headers.set("X-Forwarded-Host", "evil.test")
    return request
  }),
  "gateway: a host that is none of several origins": attack(
    callRefused({ reason: "target_ambiguous", what: "the host is none of the gateway's" }, "malformed_call", 400),
    async () => {
      const { token } = await bound()
      const headers = {
        Authorization: `DPoP ${token}`,
        DPoP: await proofOf(holder, "GET", "https://evil.test/files/a", token),
      }
      const request = ASKING.caddy({ path: "/files/a", headers }, keyOf("twin"))
      request.headers.set("X-Forwarded-Host", "evil.test")
      return request
    },
  ),
  "token endpoint: a proof used before": attack(replayedForToken, async () => {
    const DPoP = await proofForToken(holder)
    await used(await exchange({}, { DPoP }))
    return exchange({}, { DPoP })
  }),
  "token endpoint: a proof used before, with its signature's twin": attack(replayedForToken, async () => {
    const DPoP = await proofForToken(holder)
    await used(await exchange({}, { DPoP }))
    return exchange({}, { DPoP: twinOf(DPoP) })
  }),
  "token endpoint: a proof used before, by another agent for another user": attack(replayedForToken, async () => {
    const DPoP = await proofForToken(holder)
    await used(await exchange({}, { DPoP }))
    return exchange({ actor_token: await svidOf("second"), subject_token: await idTokenOf("bob") }, { DPoP })
  }),
  "token endpoint: a gateway's proof": attack(proofRefusedForToken("htm"), async () => {
    const { token } = await bound()
    return exchange({}, { DPoP: await proofOf(holder, "GET", URI, token) })
  }),
  "token endpoint: a gateway's proof of a POST": attack(proofRefusedForToken("htu"), async () => {
    const { token } = await bound()
    return exchange({}, { DPoP: await proofOf(holder, "POST", URI, token) })
  }),
  "token endpoint: two proofs": attack(proofRefusedForToken(NOT_COMPACT), async () => {
    const request = await exchange({}, { DPoP: await proofForToken(holder) })
    repeat(request, "DPoP", await proofForToken(holder))
    return request
  }),
  "token endpoint: an empty proof": attack(proofRefusedForToken(NOT_COMPACT), async () => exchange({}, { DPoP: "" })),
  "token endpoint: no proof by an agent that must prove a key": attack(
    requestRefused({ reason: "key_required" }),
    async () => exchange({ actor_token: await svidOf("bound") }),
  ),
  "token endpoint: a bound token renewed by another key": attack(requestRefused({ reason: "key_differs" }), async () =>
    exchange(await renewalOf((await bound()).token), { DPoP: await proofForToken(thief) }),
  ),
  "token endpoint: a bound token renewed without a key": attack(requestRefused({ reason: "key_differs" }), async () =>
    exchange(await renewalOf((await bound()).token)),
  ),
  "token endpoint: a bound token in another agent's hands, with the holder's proof": attack(
    requestRefused({ reason: "handover_required" }),
    async () =>
      exchange(
        { ...(await renewalOf((await bound()).token)), actor_token: await svidOf("second") },
        { DPoP: await proofForToken(holder) },
      ),
  ),
  "token endpoint: a bound child's token in its parent's hands": attack(
    requestRefused({ reason: "handover_required" }),
    async () => {
      const child = await openChild((await openTask()).token, "second", {}, await proofForToken(thief))
      return exchange(await renewalOf(child.token), { DPoP: await proofForToken(holder) })
    },
  ),
  "token endpoint: a proof by the agent's own identity's key, of another agent": attack(
    proofRefusedForToken("signature_invalid"),
    async () =>
      exchange(
        { client_id: agentId("first") },
        { DPoP: await proofForToken(holder, { header: { jwk: bundled.publicJwk } }) },
      ),
  ),
}

async function renewalOf(token: string) {
  return { subject_token: token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token" }
}
