/** A code or a refresh token that another client presents, too: what was issued for it ends. */
import { misuseRecord } from "../core/record/token-record.ts"
import type { DecisionRecord } from "../core/record/record.ts"
import { misused } from "../core/task/authorization-code.ts"
import type { OAuthFailure } from "../core/denials/oauth-error.ts"
import type { Consent } from "../core/task/pending-consent.ts"
import { ancestryOf, type TreeState } from "../core/task/state.ts"
import { endedBy } from "../core/task/transition.ts"
import { newId } from "../platform/new-id.ts"
import { endAndRecord } from "./end-task.ts"
import type { Trees } from "./trees.ts"

/** Whatever becomes of the tasks, the tokens that were issued so far open nothing. */
export function revokeTokens(
  trees: Trees,
  state: TreeState,
  { refreshing: _refreshing, ...consent }: Consent,
  record: DecisionRecord | null,
): void {
  trees.transaction(true, () => {
    trees.storage.trees.saveConsent(state, consent)
    trees.storage.trees.forgetTokens(state, [...state.tokens.keys()])
    if (record) trees.keepRecord(state, record)
  })
  state.consent = consent
  state.ledger.liveTokens.dropAll(state)
}

/**
 * The task that came of it, or would have, ends with all tasks below it, whichever client presented it. A quarantined
 * task stays for an operator to look at, but what was issued for it opens nothing any more, not even after its release.
 */
export function endMisused(
  trees: Trees,
  state: TreeState,
  consent: Consent,
  misuse: string,
  by: string,
  now: number,
): OAuthFailure {
  const end = { task: state.root, status: "revoked", by: "misuse" } as const
  const hasAuthority = consent.refreshing !== undefined || state.tokens.size > 0
  const isFrozen = state.tasks.get(state.root)?.status === "quarantined"
  if (endedBy(state, end).length > 0 || (isFrozen && hasAuthority)) {
    const chain = ancestryOf(state, state.root).map(({ agent }) => agent)
    const record = misuseRecord(newId("dec", now), state, chain, by, consent.audience, misuse, now)
    if (isFrozen) revokeTokens(trees, state, consent, null)
    endAndRecord(trees, state, end, null, record)
  }
  return misused(misuse)
}
