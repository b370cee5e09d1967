/** The kinds of bounds that values can teach. A schema is none: a few values say too little of all that fulfil one. */
import type { MeaningBound } from "../../../src/core/catalog/bounds/definition.ts"
import { CidrLearner } from "./cidr.ts"
import { DateLearner } from "./date.ts"
import { EmailLearner } from "./email.ts"
import type { Learner } from "./learner.ts"
import { PathLearner } from "./path.ts"
import { QuantityLearner } from "./quantity.ts"
import { UrlLearner } from "./url.ts"

export type Meanings = { readonly [Name in Exclude<keyof MeaningBound, "schema">]-?: Learner }

export const startLearning = (): Meanings => ({
  path: new PathLearner(),
  url: new UrlLearner(),
  email: new EmailLearner(),
  cidr: new CidrLearner(),
  quantity: new QuantityLearner(),
  date: new DateLearner(),
})
