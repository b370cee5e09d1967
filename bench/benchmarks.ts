/** All benchmarks, in the order they run. */
import type { Benchmark } from "./benchmark.ts"
import { againstCerbos } from "./benchmarks/against-cerbos.ts"
import { earlyDenial } from "./benchmarks/early-denial.ts"
import { statefulAllow, statefulAllowOneTree } from "./benchmarks/stateful-allow.ts"

export const BENCHMARKS: readonly Benchmark[] = [earlyDenial, statefulAllow, statefulAllowOneTree, againstCerbos]
