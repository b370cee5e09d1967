/** The application whose users' sessions agents exchange: public, authorization code with PKCE. */
export const APP_CLIENT = "narrowgate-app"

/**
 * Where people manage, and decide on approvals: public, authorization code with PKCE. Agents get none of its tokens.
 */
export const CONSOLE_CLIENT = "narrowgate-console"

/** The command line's own login (`narrowgate login`): a native app, on any port of this machine. */
export const LOGIN_CLIENT = "narrowgate"

/** The operators' pipeline, by client credentials. Its secret is no secret: it opens this provider only. */
export const CLI_CLIENT = "narrowgate-cli"

export const CLI_SECRET = "development-only"

/** The scope for the audience: oidc-provider issues no access token for a resource without one. */
export const RESOURCE_SCOPE = "narrowgate"

/** Everybody's second factor: a step-up can be tried without a phone. */
export const ONE_TIME_CODE = "000000"

/** Login names with their groups; the password of each is its name. */
export type Users = ReadonlyMap<string, readonly string[]>

export const USERS: Users = new Map([
  ["alice", ["support"]],
  ["bob", ["engineering"]],
  ["olivia", ["operations"]],
])

/** For a person: each with its groups. */
export const usersText = (users: Users): string =>
  [...users].map(([name, groups]) => `${name} (${groups.join(", ")})`).join(", ")

export const USERS_TEXT = usersText(USERS)
