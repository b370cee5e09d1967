/** E-mail addresses at a few domains. */
import { FewTexts, isDefinition, isWithin, listed, type LearnedMeaning, type Learner } from "./learner.ts"

export class EmailLearner implements Learner {
  readonly #domains = new FewTexts()
  #isAddress = true

  add(text: string): void {
    const domain = text.slice(text.lastIndexOf("@") + 1).toLowerCase()
    this.#isAddress &&= isWithin({ email: [domain] }, text)
    if (this.#isAddress) this.#domains.add(domain)
  }

  get learned(): LearnedMeaning | null {
    const domains = this.#isAddress ? this.#domains.settled : null
    if (!domains || !isDefinition("email", domains)) return null
    return {
      bound: { email: domains },
      words: `was an e-mail address at ${listed(domains)}`,
      within: `user@${domains[0]}`,
      outside: "user@elsewhere.invalid",
    }
  }
}
