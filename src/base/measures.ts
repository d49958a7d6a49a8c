/** Numbers about itself that a part of ovl offers to whoever watches it: `/metrics` shows them in Prometheus' format. */

export type Labels = Readonly<Record<string, string>>

export interface Measure {
  /** `ovl_` and what it counts, with its unit: Prometheus' naming rules. */
  name: string
  type: "gauge" | "counter"
  help: string
  values: readonly (readonly [labels: Labels, value: number])[]
}

export function gauge(name: string, help: string, value: number, labels: Labels = {}): Measure {
  return { name, type: "gauge", help, values: [[labels, value]] }
}

/** Only ever goes up; Prometheus wants its name to end in `_total`. */
export function counter(name: string, help: string, value: number, labels: Labels = {}): Measure {
  return { name, type: "counter", help, values: [[labels, value]] }
}
