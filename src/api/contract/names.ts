/** How a request to manage names things, and what it is answered if it does so otherwise. */

export const NO_TASK_ID = "A task is named by its id: tsk_ and 26 digits and capital letters."
export const NO_USER_NAME = "A user is named by issuer and subject, joined by |, such as https://id.example|42."

/** A user without one is looked up, to tell who may be meant; nothing is ever stopped or judged by such a name. */
export function hasIssuer(user: string): boolean {
  return user.includes("|")
}
