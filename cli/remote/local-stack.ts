/** The application whose users' sessions agents exchange: public, authorization code with PKCE. */
export const APP_CLIENT = "narrowgate-app"

/**
 * Where people manage, and answer what they are asked: public, authorization code with PKCE. Agents get none of its
 * tokens.
 */
export const CONSOLE_CLIENT = "narrowgate-console"

/** The command line's own login (`narrowgate login`): a native app, on any port of this machine. */
export const LOGIN_CLIENT = "narrowgate"

/** The operators' pipeline, by client credentials. Its secret is no secret: it opens this provider only. */
export const CLI_CLIENT = "narrowgate-cli"

export const CLI_SECRET = "development-only"

/** What may be asked of the audience: oidc-provider issues no access token for a resource without a scope. */
export const RESOURCE_SCOPE = "narrowgate"

/** The second factor of everybody: a step-up can be walked without a phone. */
export const ONE_TIME_CODE = "000000"
