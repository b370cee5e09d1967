/**
 * Refresh tokens, one thief and a network that loses answers: every order of what the two can do, some steps deep, judged
 * by the very step of the ledger (RFC 9700, section 4.14.2). The client is an honest one: it refreshes with the token that
 * it was given last, once or several times at once, and again at once where it got no answer. A thief has a copy of what
 * the client holds at some moment, or the answer that the client lost, and uses it and what comes of it at any time, with
 * a key of their own or without.
 */
import { expect, test } from "vitest"
import { firstOf, rotateRefresh, type Refreshing } from "../../../src/core/task/authorization-code.ts"
import { isOAuthFailure } from "../../../src/core/denials/oauth-error.ts"

const STEPS = 7
/** Longer than a used token gives further ones. */
const LONG_MS = 10_001
const THIEFS_KEY = "the thief's key"

type Party = "client" | "thief"

interface World {
  readonly now: number
  readonly refreshing: Refreshing
  /** The key of the task's tokens. */
  readonly boundTo: string | null
  readonly hasEnded: boolean
  /** What each would show next; null: nothing yet. */
  readonly holds: Readonly<Record<Party, string | null>>
  /** The client has got no answer, and asks again before it does anything else. */
  readonly mustRepeat: boolean
  /** How many uses of a token lie between the first one and this one, by its secret. */
  readonly depth: ReadonlyMap<string, number>
  /** Of the token that the thief has used first; null: none so far. */
  readonly stolenDepth: number | null
  /** Who has used, since then, a token that came of a use of that one. */
  readonly wentOn: ReadonlySet<Party>
  /** How often each token was used of a task that was bound to no key, in the order of the first uses. */
  readonly uses: ReadonlyMap<string, number>
}

/**
 * docs/guides/http.md: a round in which a token is used again adds two, any other takes off one; more than eight is
 * misuse.
 */
function isSuspicious({ uses }: World): boolean {
  const rounds = [...uses.values()]
  const sum = rounds.reduce((sum, count, at) => {
    if (count > 1) return sum + 2
    return at === rounds.length - 1 ? sum : Math.max(0, sum - 1)
  }, 0)
  return sum > 8
}

const count = { worlds: 0, ended: 0, thiefIssued: 0 }

const begin = (boundTo: string | null): World => ({
  now: 1_800_000_000_000,
  refreshing: firstOf({ family: "family", secret: "0" }, "token of 0"),
  boundTo,
  hasEnded: false,
  holds: { client: "0", thief: null },
  mustRepeat: false,
  depth: new Map([["0", 0]]),
  stolenDepth: null,
  wentOn: new Set(),
  uses: new Map(),
})

/** Shows what the party holds, as the ledger judges it. @returns the token that was given for it */
function show(before: World, party: Party, jkt: string | null): { readonly world: World; readonly got: string | null } {
  const secret = before.holds[party]
  if (secret === null) throw new Error("nothing to show")
  const isCounted = before.boundTo === null
  const uses = isCounted ? new Map([...before.uses, [secret, (before.uses.get(secret) ?? 0) + 1]]) : before.uses
  const world = { ...before, uses }
  const next = String(world.depth.size)
  const shown = { agent: "agent", shown: { family: "family", secret }, next, token: `token of ${next}`, jkt }
  const consent = { agent: "agent", secretHash: "", isRedeemed: true, refreshing: world.refreshing }
  const judged = rotateRefresh(consent, shown, world.boundTo, world.now)
  if ("misuse" in judged) return { world: { ...world, hasEnded: true }, got: null }
  if (isOAuthFailure(judged)) return { world, got: null }
  const depth = world.depth.get(secret) ?? 0
  const stolenDepth = world.stolenDepth ?? (party === "thief" ? depth : null)
  const goesOn = world.stolenDepth !== null && depth > world.stolenDepth
  const more = {
    refreshing: judged.refreshing,
    boundTo: jkt,
    depth: new Map([...world.depth, [next, depth + 1]]),
    stolenDepth,
    wentOn: goesOn ? new Set([...world.wentOn, party]) : world.wentOn,
  }
  return { world: { ...world, ...more }, got: next }
}

const holding = (world: World, party: Party, secret: string | null): World => ({
  ...world,
  holds: { ...world.holds, [party]: secret ?? world.holds[party] },
})

/** What the client can do, by its own key or null. */
function clientSteps(world: World, key: string | null): readonly World[] {
  const once = show(world, "client", key)
  if (once.world.hasEnded) return [once.world]
  const received = { ...holding(once.world, "client", once.got), mustRepeat: false }
  const lost = { ...once.world, mustRepeat: true }
  const intercepted = world.holds.thief === null ? [{ ...holding(lost, "thief", once.got) }] : []
  const twice = show(once.world, "client", key)
  // Of two answers that it gets at once it keeps either.
  const both = [once.got, twice.got].map((kept) => ({ ...holding(twice.world, "client", kept), mustRepeat: false }))
  const waited = world.mustRepeat ? [] : [{ ...world, now: world.now + LONG_MS }]
  return [received, lost, ...intercepted, ...both, ...waited]
}

function thiefSteps(world: World): readonly World[] {
  if (world.holds.thief === null) return [holding(world, "thief", world.holds.client)]
  return [null, THIEFS_KEY].map((key) => {
    const { world: after, got } = show(world, "thief", key)
    if (got !== null) count.thiefIssued += 1
    return holding(after, "thief", got)
  })
}

/** What each step broke, with what led to it: the names of steps. */
type Check = (party: Party, before: World, after: World) => string | null

/** @returns the first thing that is broken, after which steps */
function explore(world: World, key: string | null, hasThief: boolean, steps: number, check: Check): string | null {
  count.worlds += 1
  if (world.hasEnded) count.ended += 1
  if (steps === 0 || world.hasEnded) return null
  const thiefs = hasThief ? thiefSteps(world) : []
  const all = [
    ...clientSteps(world, key).map((after) => ["client", after] as const),
    ...thiefs.map((after) => ["thief", after] as const),
  ]
  for (const [index, [party, after]] of all.entries()) {
    // Not that it waits, nor that it steals.
    const isUse = after.now === world.now && world.holds[party] !== null
    const broken = (isUse && check(party, world, after)) || explore(after, key, hasThief, steps - 1, check)
    if (broken !== null) return `${party} ${index}, ${broken}`
  }
  return null
}

/** The client proves a key, which the first token is bound to or is not yet, or never does. */
const CLIENTS = [
  ["never proves a key", null, null],
  ["proves the key that it began with", "the client's key", "the client's key"],
  ["begins to prove a key", "the client's key", null],
] as const

const OFTEN = "is cut off only if it goes on to use each again"
test.each(CLIENTS)(`a client that %s and loses answers ${OFTEN}`, (_what, key, boundTo) => {
  const before = { ...count }
  const check: Check = (_party, { refreshing }, after) => {
    if (after.hasEnded !== isSuspicious(after)) return after.hasEnded ? "ended" : "not ended"
    return !after.hasEnded && after.refreshing === refreshing ? "refused" : null
  }
  expect(explore(begin(boundTo), key, false, STEPS, check)).toBeNull()
  expect(count.worlds - before.worlds).toBeGreaterThan(50_000)
  // By five rounds in succession, of a task that is bound to no key.
  expect(count.ended - before.ended > 0).toBe(key === null)
})

/** Rounds of a task: so many tokens of five minutes has one that lives for an hour. */
const ROUNDS = 12

/** Each round the client uses what it holds; in those of `steals`, so does a thief who reads it there and goes on with nothing. */
function stolenInRounds(steals: number, boundTo: string | null): { readonly tokens: number; readonly rounds: number } {
  let world = begin(boundTo)
  let tokens = 0
  for (let round = 0; round < ROUNDS; round++) {
    const client = show({ ...world, now: world.now + 300_000 }, "client", boundTo)
    if (client.world.hasEnded) throw new Error("the client's own use ended it")
    world = client.world
    if ((steals & (1 << round)) !== 0) {
      const thief = show({ ...world, holds: { ...world.holds, thief: world.holds.client } }, "thief", null)
      if (thief.world.hasEnded) return { tokens, rounds: round + 1 }
      tokens += 1
      world = thief.world
    }
    world = holding(world, "client", client.got)
  }
  return { tokens, rounds: ROUNDS }
}

test("a thief who reads each token that the client holds has an access token of few rounds, in any order of them", () => {
  expect(stolenInRounds((1 << ROUNDS) - 1, null)).toEqual({ tokens: 4, rounds: 5 })
  expect(stolenInRounds((1 << ROUNDS) - 1, "the client's key")).toEqual({ tokens: 0, rounds: 1 })
  let most = 0
  for (let steals = 0; steals < 1 << ROUNDS; steals++) {
    const { tokens, rounds } = stolenInRounds(steals, null)
    most = Math.max(most, tokens)
    // Four, and one of three rounds.
    expect(3 * tokens).toBeLessThanOrEqual(rounds + 8)
  }
  expect(most).toBe(6)
})

test.each(CLIENTS)(
  "of a thief and a client that %s at most one goes on with what it got: the other's next use ends the task",
  (_what, key, boundTo) => {
    const before = { ...count }
    const check: Check = (party, { wentOn }, { hasEnded }) => {
      const other = party === "client" ? "thief" : "client"
      return wentOn.has(other) && !hasEnded ? "both go on" : null
    }
    expect(explore(begin(boundTo), key, true, STEPS, check)).toBeNull()
    expect(count.ended - before.ended).toBeGreaterThan(5_000)
    if (boundTo === null) expect(count.thiefIssued - before.thiefIssued).toBeGreaterThan(100)
  },
)

test("a thief without the client's key gets nothing, and is noticed at the first try", () => {
  const [, key, boundTo] = CLIENTS[1]
  const before = { ...count }
  const check: Check = (party, _before, { hasEnded }) => (party === "thief" && !hasEnded ? "not noticed" : null)
  expect(explore(begin(boundTo), key, true, STEPS, check)).toBeNull()
  expect(count.thiefIssued).toBe(before.thiefIssued)
})

test.each(CLIENTS)("a thief's key is noticed at the next use by a client that %s", (_what, key, boundTo) => {
  const check: Check = (party, before, { hasEnded, boundTo: after }) => {
    if (hasEnded) return null
    if (party === "client" && before.boundTo === THIEFS_KEY) return "not noticed"
    const mayBind = before.boundTo === null && before.refreshing.good.length === 1
    return after === before.boundTo || mayBind ? null : "bound anew"
  }
  expect(explore(begin(boundTo), key, true, STEPS, check)).toBeNull()
})
