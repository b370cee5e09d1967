/** The algorithm of every token that we sign: one, so that no token can choose (RFC 8725 3.1). */
export const OWN_ALGORITHM = "ES256"
