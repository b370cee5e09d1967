/**
 * Secrets that contain the tree they belong to: `auth_req_id` and codes, `<root>.<secret>`; refresh tokens,
 * `<root>.<family>.<secret>`. A task's id reveals none of them; the ledger stores their hashes.
 */
import { isOwnTaskId } from "../../platform/task-id.ts"

const ROOTED = /^(\w+)\.([A-Za-z0-9_-]{43})$/
const REFRESH = /^(\w+)\.([A-Za-z0-9_-]{43})\.([A-Za-z0-9_-]{43})$/

export function readRooted(env: Env, text: string): { readonly root: string; readonly secret: string } | null {
  const [, root, secret] = ROOTED.exec(text) ?? []
  return root !== undefined && secret !== undefined && isOwnTaskId(env, root) ? { root, secret } : null
}

export interface RefreshToken {
  readonly root: string
  /** The part that all refresh tokens of the task share. */
  readonly family: string
  readonly secret: string
}

export function readRefreshToken(env: Env, text: string): RefreshToken | null {
  const [, root, family, secret] = REFRESH.exec(text) ?? []
  if (root === undefined || family === undefined || secret === undefined || !isOwnTaskId(env, root)) return null
  return { root, family, secret }
}

export function refreshTokenOf({ root, family, secret }: RefreshToken): string {
  return `${root}.${family}.${secret}`
}
