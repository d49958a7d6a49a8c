/** Sets of numbers as ascending arrays that are never changed in place: they are short, and shared by many. */

export type Numbers = readonly number[]

export function has(set: Numbers, number: number): boolean {
  return set.includes(number)
}

export function plus(set: Numbers, number: number): Numbers {
  const at = set.findIndex((other) => other >= number)
  if (at === -1) return [...set, number]
  return set[at] === number ? set : [...set.slice(0, at), number, ...set.slice(at)]
}

export function minus(set: Numbers, number: number): Numbers {
  return set.includes(number) ? set.filter((other) => other !== number) : set
}

export function isPartOf(part: Numbers, whole: Numbers): boolean {
  if (part === whole) return true
  if (part.length > whole.length) return false
  let at = 0
  for (const wanted of part) {
    while (at < whole.length && whole[at]! < wanted) at += 1
    if (whole[at] !== wanted) return false
    at += 1
  }
  return true
}
