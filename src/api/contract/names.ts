/** How management requests name things, and the errors if they do so otherwise. */

export const NO_TASK_ID = "A task is named by its id: tsk_ and 36 digits and capital letters."
export const NO_USER_NAME = "A user is named by issuer and subject, joined by |, such as https://id.example|42."
export const NO_ISSUER_NAME =
  "An identity provider is named by its `iss`, a URL without `|`, such as https://id.example."

/**
 * Returns whether a user's name contains an issuer. A name without one is only used to find similar names; it never
 * identifies a user.
 */
export function hasIssuer(user: string): boolean {
  return user.includes("|")
}
